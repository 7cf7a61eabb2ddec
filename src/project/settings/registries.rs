//! Where packages come from, and the credentials for getting them.
//!
//! A credential belongs to an address without its scheme (`//host:port/path/`) and is used for nothing else; matching
//! addresses is the registry client's business. Secrets are a type that does not print itself.

use super::layers::{Layers, Raw, RawValue};
use super::value::{Reader, parse_url, wrong};
use crate::project::ask::{Asked, ask};
use crate::project::env::Env;
use crate::project::error::{ProjectError, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// How long a token helper may take.
const HELPER_TIMEOUT: Duration = Duration::from_secs(60);

/// The registries of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registries {
    /// Where packages without a scope of their own come from; nothing when nobody says it.
    pub default: Option<Url>,
    /// Where the packages of a scope come from, by scope with its `@`.
    pub scopes: BTreeMap<String, Url>,
    /// Credentials by address.
    pub auth: Vec<Auth>,
}

/// The credentials for one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// The address, without scheme and with a slash at its end: `//host:8080/path/`.
    pub address: String,
    /// What to send.
    pub credentials: Option<Credentials>,
    /// What to show when TLS asks for a certificate.
    pub certificate: Option<ClientCertificate>,
}

/// What to send to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A bearer token.
    Token(Secret),
    /// `user:password` in base64.
    Basic(Secret),
    /// A name and a password.
    Login {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A program that prints the token.
    Helper(PathBuf),
}

/// A certificate that says who the user is, as files in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

impl Registries {
    /// Reads the registries out of the layers.
    pub fn read(reader: &Reader<'_>) -> Result<Registries> {
        let mut scopes = BTreeMap::new();
        for (scope, raw) in &reader.layers.scopes {
            let name = format!("{scope}:registry");
            scopes.insert(scope.clone(), parse_url(&name, raw, single(raw).unwrap_or_default())?);
        }
        Ok(Registries { default: reader.url("registry")?, scopes, auth: auth(reader)? })
    }
}

fn auth(reader: &Reader<'_>) -> Result<Vec<Auth>> {
    let Layers { addresses, .. } = reader.layers;
    let mut all: Vec<Auth> = Vec::new();
    for (address, _) in addresses.keys() {
        if all.last().is_some_and(|last| last.address == *address) {
            continue;
        }
        let field =
            |name: &'static str| addresses.get(&(address.clone(), name)).filter(|raw| single(raw).is_some_and(|text| !text.is_empty()));
        let path = |raw: &Raw| raw.resolve(single(raw).unwrap_or_default(), reader.cwd, reader.home);
        let certificate = match (field("certfile"), field("keyfile")) {
            (Some(cert), Some(key)) => Some(ClientCertificate { cert: path(cert), key: path(key) }),
            _ => None,
        };
        all.push(Auth { address: address.clone(), credentials: credentials(address, field)?, certificate });
    }
    all.retain(|auth| auth.credentials.is_some() || auth.certificate.is_some());
    Ok(all)
}

/// Picks the credentials of an address; a token goes before a name with a password.
fn credentials<'a>(address: &str, field: impl Fn(&'static str) -> Option<&'a Raw>) -> Result<Option<Credentials>> {
    let text = |raw: &'a Raw| single(raw).unwrap_or_default();
    if let Some(raw) = field("tokenHelper") {
        let helper = PathBuf::from(text(raw));
        if !helper.is_absolute() {
            return Err(wrong(&format!("{address}:tokenHelper"), raw, "the absolute path of a program, without arguments".to_owned()));
        }
        return Ok(Some(Credentials::Helper(helper)));
    }
    if let Some(raw) = field("_authToken") {
        return Ok(Some(Credentials::Token(Secret(text(raw).to_owned()))));
    }
    if let Some(raw) = field("_auth") {
        return Ok(Some(Credentials::Basic(Secret(text(raw).to_owned()))));
    }
    let (Some(user), Some(password)) = (field("username"), field("_password")) else { return Ok(None) };
    let decoded = STANDARD.decode(text(password)).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(decoded) = decoded else {
        let hidden = Raw { value: RawValue::Text("***".to_owned()), ..password.clone() };
        return Err(wrong(&format!("{address}:_password"), &hidden, "base64".to_owned()));
    };
    Ok(Some(Credentials::Login { user: text(user).to_owned(), password: Secret(decoded) }))
}

fn single(raw: &Raw) -> Option<&str> {
    match &raw.value {
        RawValue::Text(text) => Some(text.trim()),
        RawValue::List(list) => list.first().map(|text| text.trim()),
        RawValue::Object(_) => None,
    }
}

/// Runs a token helper and returns the value of the `Authorization` header that it stands for: what it prints, behind
/// `Bearer` when it prints a token alone.
pub fn ask_helper(helper: &Path, env: &Env) -> Result<Secret> {
    let failed = |reason: String| ProjectError::TokenHelper { path: helper.to_owned(), reason };
    let cwd = helper.parent().unwrap_or(Path::new("/"));
    let answer = ask(&Asked { program: helper, arguments: &[], env, cwd, timeout: HELPER_TIMEOUT }).map_err(failed)?;
    let answer = answer.trim();
    match answer {
        "" => Err(failed("it printed nothing".to_owned())),
        header if header.contains(' ') => Ok(Secret(header.to_owned())),
        token => Ok(Secret(format!("Bearer {token}"))),
    }
}
