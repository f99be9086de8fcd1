//! Registries: the only room beside the API where tokio lives; shows blocking functions to the rest.
