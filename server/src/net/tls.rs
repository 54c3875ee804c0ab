//! TLS, by rustls: certificates and keys from the `tls-*` directives.
//! What a client may do once it is connected does not depend on it.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::Config;

/// Accepts TLS connections.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// Read certificates and keys from the files that the configuration names.
    pub fn from_config(config: &Config) -> anyhow::Result<Self> {
        let open = |path: &str| {
            File::open(path).map(BufReader::new).with_context(|| format!("Failed to load certificate: {path}"))
        };
        let certificates = CertificateDer::pem_reader_iter(open(&config.tls_cert_file)?)
            .collect::<Result<Vec<_>, _>>()
            .with_context(|| format!("Failed to load certificate: {}", config.tls_cert_file))?;
        let key = PrivateKeyDer::from_pem_reader(open(&config.tls_key_file)?)
            .with_context(|| format!("Failed to load private key: {}", config.tls_key_file))?;
        let builder = ServerConfig::builder();
        let builder = if config.tls_auth_clients == "no" {
            builder.with_no_client_auth()
        } else {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_reader_iter(open(&config.tls_ca_cert_file)?) {
                roots.add(certificate.context("tls-ca-cert-file")?)?;
            }
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
            let verifier =
                if config.tls_auth_clients == "optional" { verifier.allow_unauthenticated() } else { verifier };
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
