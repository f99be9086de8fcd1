//! SHA-256 as it is computed over what passes by.
//!
//! ring's assembly and not sha2's code: with the CPU's own instructions both run at 1.8 GB/s, without them (most Intel
//! servers before 2021) ring is 1.7 times faster, and then the sum is what a pull, a load or a build waits for.

use ring::digest::{Context, SHA256, digest};

/// A sum that grows.
#[derive(Clone)]
pub struct Sum(Context);

impl Default for Sum {
    fn default() -> Sum {
        Sum::new()
    }
}

impl std::fmt::Debug for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sum")
    }
}

impl Sum {
    /// Returns the sum of nothing.
    pub fn new() -> Sum {
        Sum(Context::new(&SHA256))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes.as_ref());
    }

    /// Returns `sha256:...`.
    pub fn finish(self) -> String {
        text(self.0.finish().as_ref())
    }
}

impl std::io::Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Returns the sum of some bytes.
pub fn sum_of(bytes: impl AsRef<[u8]>) -> [u8; 32] {
    let sum = digest(&SHA256, bytes.as_ref());
    sum.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Returns a sum as digests are written.
pub(crate) fn text(sum: &[u8]) -> String {
    format!("sha256:{}", super::hex(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standard() {
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let mut sum = Sum::new();
        sum.update(b"a");
        sum.update(b"bc");
        assert_eq!(sum.finish(), abc);
        assert_eq!(text(&sum_of("abc")), abc);
    }
}
