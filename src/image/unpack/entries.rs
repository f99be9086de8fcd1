//! The file `entries`, which is compressed as it is written.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Kind, Result};

/// The file that is being written.
pub(crate) struct Entries {
    path: PathBuf,
    encoder: zstd::stream::write::Encoder<'static, File>,
    /// Headers are short, and each call of the encoder costs something.
    buffer: Vec<u8>,
}

impl Entries {
    const LEVEL: i32 = 3;
    const BUFFER: usize = 128 << 10;

    /// Makes the file.
    pub(crate) fn new(path: &Path) -> Result<Entries> {
        let cannot = || format!("cannot write `{}`", path.display());
        let file = private_file(path).context(Kind::System, cannot)?;
        let mut encoder = zstd::stream::write::Encoder::new(file, Entries::LEVEL)
            .context(Kind::System, cannot)?;
        encoder
            .include_checksum(true)
            .context(Kind::System, cannot)?;
        Ok(Entries {
            path: path.to_owned(),
            encoder,
            buffer: Vec::with_capacity(Entries::BUFFER),
        })
    }

    /// Adds bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.buffer.len() + bytes.len() > Entries::BUFFER {
            self.encoder
                .write_all(&self.buffer)
                .map_err(|e| self.cannot(e))?;
            self.buffer.clear();
        }
        if bytes.len() > Entries::BUFFER {
            return self.encoder.write_all(bytes).map_err(|e| self.cannot(e));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends it.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.encoder
            .write_all(&self.buffer)
            .map_err(|e| self.cannot(e))?;
        let path = self.path;
        self.encoder
            .finish()
            .map(drop)
            .map_err(|e| cannot_write(&path, e))
    }

    fn cannot(&self, e: std::io::Error) -> Error {
        cannot_write(&self.path, e)
    }
}

fn cannot_write(path: &Path, e: std::io::Error) -> Error {
    Error::new(Kind::System, format!("cannot write `{}`", path.display())).because(e)
}

/// Makes a file of our own: 0600, since the umask is 0 here.
pub(super) fn private_file(path: &Path) -> std::io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
