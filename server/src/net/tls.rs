//! TLS, by rustls: certificates and keys from the `tls-*` directives.
//! What a client may do once it is connected does not depend on it.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::{Config, TlsAuthClients};

/// Accepts TLS connections.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// Read certificates and keys from the files that the configuration names.
    pub fn from_config(config: &Config) -> anyhow::Result<Self> {
        let certificates =
            CertificateDer::pem_reader_iter(open(config, &config.tls_cert_file, "tls-cert-file")?)
                .collect::<Result<Vec<_>, _>>()
                .context("Failed to load certificate: tls-cert-file")?;
        let key = PrivateKeyDer::from_pem_reader(open(config, &config.tls_key_file, "tls-key-file")?)
            .context("Failed to load private key: tls-key-file")?;
        let builder = ServerConfig::builder_with_protocol_versions(&protocols(&config.tls_protocols)?);
        let builder = if config.tls_auth_clients == TlsAuthClients::No {
            builder.with_no_client_auth()
        } else {
            let roots = authorities(config)?;
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
            let verifier = if config.tls_auth_clients == TlsAuthClients::Optional {
                verifier.allow_unauthenticated()
            } else {
                verifier
            };
            builder.with_client_cert_verifier(verifier.build()?)
        };
        let config = builder.with_single_cert(certificates, key).context("tls-cert-file and tls-key-file")?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Shake hands with a client.
    pub async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

/// Who signs the certificates of clients.
fn authorities(config: &Config) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let mut add = |file: BufReader<File>, directive: &'static str| -> anyhow::Result<()> {
        for certificate in CertificateDer::pem_reader_iter(file) {
            roots.add(certificate.context(directive)?).context(directive)?;
        }
        Ok(())
    };
    if config.tls_ca_cert_file.is_some() || config.tls_ca_cert_dir.is_none() {
        add(open(config, &config.tls_ca_cert_file, "tls-ca-cert-file")?, "tls-ca-cert-file")?;
    }
    if let Some(folder) = &config.tls_ca_cert_dir {
        let folder = config.in_dir(folder);
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("Failed to load tls-ca-cert-dir: {}", folder.display()))?;
        for entry in entries {
            let path = entry.context("tls-ca-cert-dir")?.path();
            if path.is_file() {
                add(BufReader::new(File::open(&path).context("tls-ca-cert-dir")?), "tls-ca-cert-dir")?;
            }
        }
    }
    Ok(roots)
}

/// The versions of TLS that `tls-protocols` names; all that are safe if it names none.
fn protocols(names: &str) -> anyhow::Result<Vec<&'static SupportedProtocolVersion>> {
    let one = |name: &str| match name.to_ascii_lowercase().as_str() {
        "tlsv1.2" => Ok(&TLS12),
        "tlsv1.3" => Ok(&TLS13),
        "tlsv1" | "tlsv1.1" => anyhow::bail!("tls-protocols: {name} is not safe any more and not supported"),
        _ => anyhow::bail!("tls-protocols: there is no version '{name}': use TLSv1.2, TLSv1.3 or both"),
    };
    match names.split_whitespace().map(one).collect::<anyhow::Result<Vec<_>>>()? {
        none if none.is_empty() => Ok(rustls::ALL_VERSIONS.to_vec()),
        named => Ok(named),
    }
}

fn open(config: &Config, path: &Option<PathBuf>, directive: &str) -> anyhow::Result<BufReader<File>> {
    let path = path.as_ref().with_context(|| format!("TLS needs the directive '{directive}'"))?;
    let file = File::open(config.in_dir(path));
    file.map(BufReader::new).with_context(|| format!("Failed to load {directive}: {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_named() {
        assert_eq!(protocols("").expect("all").len(), 2);
        assert_eq!(protocols("TLSv1.3").expect("one"), [&TLS13]);
        assert_eq!(protocols("tlsv1.2 TLSv1.3").expect("both"), [&TLS12, &TLS13]);
        assert!(protocols("TLSv1.1").is_err() && protocols("SSLv3").is_err());
    }
}
