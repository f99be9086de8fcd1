//! Docker's JSON, once: used by `inspect`, by `--format` and later by the API.
