//! The images that stages begin with: the one that is here, else the registry's.

use super::plan::{BaseImage, Bases};
use super::progress::{Board, End};
use super::request::Request;
use crate::error::{Error, Kind, Result};
use crate::grammar::platform::Platform;
use crate::grammar::reference::Reference;
use crate::image::embedded;
use crate::image::progress::Silent;
use crate::image::pull;
use crate::registry::mirrors::Registries;
use crate::store::Store;
use crate::store::images::Image;

/// Finds bases.
pub(super) struct Finder<'a> {
    store: &'a Store,
    request: &'a Request,
    board: &'a Board<'a>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(store: &'a Store, request: &'a Request, board: &'a Board<'a>) -> Finder<'a> {
        Finder {
            store,
            request,
            board,
        }
    }

    fn local(&self, word: &str) -> Result<Option<Image>> {
        match self.store.images().find(word) {
            Ok(image) => Ok(Some(image)),
            Err(e) if e.kind() == Kind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn image(&self, name: &str, reference: &Reference, platform: &Platform) -> Result<Image> {
        let canonical = reference.to_string();
        let fits = |image: &Image| platform.matches(&platform_of(image));
        if !self.request.pull {
            let mut here = self.local(&canonical)?;
            if here.is_none() {
                here = self.local(name)?;
            }
            if here.is_none() && embedded::install(self.store, name)? {
                here = self.local(name)?;
            }
            // a single image of another processor is used, as BuildKit does
            if let Some(image) = here {
                if fits(&image) || self.request.platforms.is_empty() {
                    return Ok(image);
                }
                if let Some(image) = self.store.images().sibling(&image, platform)? {
                    return Ok(image);
                }
            }
        }
        let options = pull::Options {
            settings: self.request.settings.clone(),
            platform: Some(platform.clone()),
            leaves_tag: !platform.matches(&Platform::host()),
            takes_any: true,
        };
        let pulled = pull::pull(self.store, reference, &options, &Silent)?;
        self.store.images().find(&pulled.id)
    }
}

impl Bases for Finder<'_> {
    fn find(&self, name: &str, platform: &Platform) -> Result<BaseImage> {
        let expanded = Registries::read(&self.request.settings)?.expand(name);
        let reference = Reference::parse(&expanded).map_err(|e| {
            Error::new(
                Kind::Invalid,
                format!("failed to parse stage name {name:?}: {e}"),
            )
        })?;
        let reference = reference.or_latest();
        let shown = reference.to_string();
        let prefix = match self.request.platforms.len() {
            0 | 1 => String::new(),
            _ => format!("{platform} "),
        };
        let work = self
            .board
            .begin(format!("[{prefix}internal] load metadata for {shown}"));
        match self.image(name, &reference, platform) {
            Ok(image) => {
                work.end(End::Done);
                let digest = image.digests.first().and_then(|d| d.split_once('@'));
                Ok(BaseImage {
                    id: image.id.clone(),
                    shown: match digest {
                        Some((_, digest)) => format!("{shown}@{digest}"),
                        None => shown,
                    },
                    config: image.config,
                })
            }
            Err(e) => {
                let short = reference.familiar();
                let why = match e.kind() {
                    Kind::NotFound => "not found".to_owned(),
                    _ => e.to_string(),
                };
                let text = format!(
                    "{short}: failed to resolve source metadata for {shown}: {shown}: {why}"
                );
                work.end(End::Failed(why));
                Err(Error::new(e.kind(), text))
            }
        }
    }
}

fn platform_of(image: &Image) -> Platform {
    let config = &image.config;
    Platform::new(
        &config.os,
        &config.architecture,
        config.variant.as_deref().unwrap_or_default(),
    )
}
