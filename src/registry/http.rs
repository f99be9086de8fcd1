//! Connections: which certificates are trusted, which proxy stands between, how long a silence may last.
//!
//! The roots are read from the system's one bundle file: reading the whole folder of single certificates, as
//! rustls-native-certs does, costs 886 system calls and 50 ms of CPU. A host without any certificate is no error until
//! a TLS connection is tried.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Identity, NoProxy, Proxy};

use super::Settings;
use super::names::Resolver;
use crate::error::{Context, Error, Kind, Result};

/// Where distributions keep all roots in one file (Debian, Fedora, openSUSE, old and new RHEL, Alpine).
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
const ROOTS_FOLDER: &str = "/etc/ssl/certs";

/// Time to get a connection.
const CONNECT: Duration = Duration::from_secs(30);
/// Longest silence on a connection that should speak.
const SILENCE: Duration = Duration::from_secs(60);

/// How a server's certificate is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verify {
    /// By the system's roots and `certs.d`.
    Roots,
    /// Not at all: loopback and registries marked insecure.
    Nothing,
}

/// Returns a client for `host` (`name[:port]`).
pub(super) fn client(settings: &Settings, host: &str, verify: Verify) -> Result<Client> {
    let own = HostCertificates::read(settings, host)?;
    let mut roots = match verify {
        Verify::Roots => system_roots(settings),
        Verify::Nothing => Vec::new(),
    };
    roots.extend(own.roots);
    let build = |roots: Vec<Certificate>| -> Result<Client> {
        let mut builder = base(settings)?.tls_certs_only(roots);
        if let Some(identity) = &own.identity {
            builder = builder.identity(identity.clone());
        }
        if verify == Verify::Nothing {
            builder = builder.danger_accept_invalid_certs(true);
        }
        builder.build().context(Kind::Host, || {
            format!("cannot prepare a connection to `{host}`")
        })
    };
    build(roots.clone()).or_else(|_| {
        // One certificate that rustls cannot read must not cost all others: find it the slow way.
        let readable = |c: &Certificate| {
            Client::builder()
                .tls_certs_only([c.clone()])
                .build()
                .is_ok()
        };
        roots.retain(readable);
        build(roots)
    })
}

fn base(settings: &Settings) -> Result<ClientBuilder> {
    // rustls has to be told whose cryptography to use; a second call changes nothing
    let _ = rustls::crypto::ring::default_provider().install_default();
    let agent = concat!("coracle/", env!("CARGO_PKG_VERSION"));
    let mut builder = Client::builder()
        .user_agent(agent)
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .dns_resolver(std::sync::Arc::new(Resolver))
        .no_proxy();
    // Go's rule, which docker follows: loopback is never proxied
    let direct = format!(
        "{},localhost,127.0.0.0/8,::1",
        settings.no_proxy.as_deref().unwrap_or("")
    );
    for (value, make) in [
        (
            &settings.http_proxy,
            Proxy::http as fn(String) -> reqwest::Result<Proxy>,
        ),
        (&settings.https_proxy, Proxy::https),
    ] {
        let Some(value) = value else { continue };
        let url = if value.contains("://") {
            value.clone()
        } else {
            format!("http://{value}")
        };
        // reqwest would go past a proxy that it cannot speak to, without a word
        if !["http", "https"].contains(&url.split("://").next().unwrap_or_default()) {
            return Err(
                Error::new(Kind::Usage, format!("cannot use the proxy `{value}`"))
                    .because("only http and https proxies are supported"),
            );
        }
        let proxy = make(url).context(Kind::Usage, || format!("cannot use the proxy `{value}`"))?;
        builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(&direct)));
    }
    Ok(builder)
}

/// `$SSL_CERT_FILE` and `$SSL_CERT_DIR` if one is set, else the system's bundle, else its folder.
fn system_roots(settings: &Settings) -> Vec<Certificate> {
    if settings.ssl_cert_file.is_some() || !settings.ssl_cert_dir.is_empty() {
        let mut roots: Vec<Certificate> = settings
            .ssl_cert_file
            .iter()
            .flat_map(|f| bundle(f))
            .collect();
        roots.extend(settings.ssl_cert_dir.iter().flat_map(|d| folder(d)));
        return roots;
    }
    let found = BUNDLES
        .iter()
        .map(|path| bundle(Path::new(path)))
        .find(|roots| !roots.is_empty());
    found.unwrap_or_else(|| folder(Path::new(ROOTS_FOLDER)))
}

/// The certificates of a PEM file; none if it cannot be read.
fn bundle(path: &Path) -> Vec<Certificate> {
    let text = fs_err::read(path).unwrap_or_default();
    Certificate::from_pem_bundle(&text).unwrap_or_default()
}

fn folder(path: &Path) -> Vec<Certificate> {
    files(path)
        .unwrap_or_default()
        .iter()
        .flat_map(|file| bundle(file))
        .collect()
}

/// What `certs.d/<host>` holds.
#[derive(Default)]
struct HostCertificates {
    roots: Vec<Certificate>,
    identity: Option<Identity>,
}

impl HostCertificates {
    /// Reads `*.crt` as roots and `X.cert` with `X.key` as our own certificate (docker, "Verify repository client with
    /// certificates").
    fn read(settings: &Settings, host: &str) -> Result<HostCertificates> {
        let mut all = HostCertificates::default();
        for certs_d in &settings.certs_d {
            for path in files(&certs_d.join(host))? {
                match path.extension().and_then(|e| e.to_str()) {
                    Some("crt") => {
                        let text = fs_err::read(&path)?;
                        all.roots.extend(
                            Certificate::from_pem_bundle(&text).context(Kind::Usage, || {
                                format!("cannot read the certificate {}", path.display())
                            })?,
                        );
                    }
                    Some("cert") if all.identity.is_none() => all.identity = Some(identity(&path)?),
                    _ => {}
                }
            }
        }
        Ok(all)
    }
}

fn identity(cert: &Path) -> Result<Identity> {
    let key = cert.with_extension("key");
    let missing = |e: std::io::Error| {
        Error::new(
            Kind::Usage,
            format!(
                "missing key {} for client certificate {}",
                key.display(),
                cert.display()
            ),
        )
        .because(e.kind())
    };
    let mut pem = fs_err::read(&key).map_err(missing)?;
    pem.push(b'\n');
    pem.extend(fs_err::read(cert)?);
    Identity::from_pem(&pem).context(Kind::Usage, || {
        format!("cannot read the client certificate {}", cert.display())
    })
}

/// The files of a folder by name; none when there is no such folder for us.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(e)
            if matches!(
                e.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(e) => return Err(e.into()),
    };
    let mut list: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    list.sort();
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_certificates_still_makes_a_client() {
        let settings = Settings {
            ssl_cert_file: Some("/nonexistent/roots.pem".into()),
            certs_d: vec!["/nonexistent".into()],
            ..Settings::default()
        };
        assert!(system_roots(&settings).is_empty());
        client(&settings, "registry.example.com", Verify::Roots).expect("no panic and no error");
    }

    #[test]
    fn a_certificate_without_its_key_is_named() {
        let certs_d = std::env::temp_dir().join(format!("coracle-certs-{}", std::process::id()));
        let folder = certs_d.join("r.example.com:5000");
        fs_err::create_dir_all(&folder).expect("writable");
        fs_err::write(folder.join("client.cert"), "").expect("writable");
        let settings = Settings {
            certs_d: vec![certs_d.clone()],
            ..Settings::default()
        };
        let text = client(&settings, "r.example.com:5000", Verify::Nothing)
            .expect_err("no key")
            .to_string();
        fs_err::remove_dir_all(&certs_d).expect("ours");
        let place = folder.display();
        assert_eq!(
            text,
            format!(
                "missing key {place}/client.key for client certificate {place}/client.cert: entity not found"
            )
        );
    }

    #[test]
    fn a_proxy_needs_no_scheme_and_an_unknown_one_is_refused_by_name() {
        let with = |proxy: &str| Settings {
            https_proxy: Some(proxy.to_owned()),
            ..Settings::default()
        };
        assert!(client(&with("proxy.example.com:3128"), "a.io", Verify::Nothing).is_ok());
        let text = client(&with("socks5://p"), "a.io", Verify::Nothing)
            .expect_err("socks")
            .to_string();
        assert_eq!(
            text,
            "cannot use the proxy `socks5://p`: only http and https proxies are supported"
        );
    }
}
