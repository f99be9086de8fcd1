//! What a build made: an image, or several with their index.

use crate::grammar::platform::Platform;
use crate::image::config::ImageConfig;
use crate::image::index::Index;
use crate::store::blobs::digest_of;

/// What a build made.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// One for each platform, in the order asked for.
    pub(crate) images: Vec<Image>,
    /// The index of several.
    pub(crate) index: Option<Index>,
}

impl Built {
    /// `sha256:...` of the manifest, or of the index of several.
    pub(crate) fn digest(&self) -> String {
        match &self.index {
            Some(index) => digest_of(&index.bytes()),
            None => digest_of(&self.images[0].manifest),
        }
    }

    /// `sha256:...` by which the result is known: of the configuration, or of the index of several.
    pub(crate) fn id(&self) -> String {
        match &self.index {
            Some(index) => digest_of(&index.bytes()),
            None => self.images[0].id.clone(),
        }
    }

    /// The image that a name of the store means: this machine's, else the first.
    pub(crate) fn main(&self) -> usize {
        let host = Platform::host();
        let fits = |image: &Image| host.matches(&image.platform);
        self.images.iter().position(fits).unwrap_or(0)
    }
}

/// One image that a build made.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// What it is for.
    pub(crate) platform: Platform,
    /// `sha256:...` of the configuration.
    pub(crate) id: String,
    /// The manifest's bytes.
    pub(crate) manifest: Vec<u8>,
    /// The configuration.
    pub(crate) config: ImageConfig,
    /// Its bytes.
    pub(crate) document: Vec<u8>,
}
