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
use rustls::{RootCertStore, ServerConfig};
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
        let builder = ServerConfig::builder();
        let builder = if config.tls_auth_clients == TlsAuthClients::No {
            builder.with_no_client_auth()
        } else {
            let mut roots = RootCertStore::empty();
            for certificate in
                CertificateDer::pem_reader_iter(open(config, &config.tls_ca_cert_file, "tls-ca-cert-file")?)
            {
                roots.add(certificate.context("tls-ca-cert-file")?)?;
            }
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

fn open(config: &Config, path: &Option<PathBuf>, directive: &str) -> anyhow::Result<BufReader<File>> {
    let path = path.as_ref().with_context(|| format!("TLS needs the directive '{directive}'"))?;
    let file = File::open(config.in_dir(path));
    file.map(BufReader::new).with_context(|| format!("Failed to load {directive}: {}", path.display()))
}
