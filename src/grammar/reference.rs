//! Image names as docker understands them.
