//! Addresses: where a package is, who may be told a secret there, and how an address is shown.

use super::config::{Auth, Config, Credentials};
use crate::package::name::PackageName;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::{Host, Url};

/// Returns the registry of a package.
pub(super) fn registry<'a>(config: &'a Config, name: &PackageName) -> &'a Url {
    name.scope().and_then(|scope| config.scopes.get(scope)).unwrap_or(&config.default)
}

/// Returns the address of a packument. The slash of a scoped name is escaped, as registries expect.
pub(super) fn packument(config: &Config, name: &PackageName) -> Url {
    below(registry(config, name), &name.as_str().replace('/', "%2f"))
}

/// Returns the address of a tarball by the scheme that all registries share.
pub(super) fn tarball(config: &Config, name: &PackageName, version: &str) -> Url {
    // Build metadata is no part of a published version's file name.
    let version = version.split('+').next().unwrap_or(version);
    below(registry(config, name), &format!("{name}/-/{}-{version}.tgz", name.unscoped()))
}

fn below(registry: &Url, path: &str) -> Url {
    let mut url = registry.clone();
    let whole = format!("{}/{path}", registry.path().trim_end_matches('/'));
    url.set_path(&whole);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// Says whether two addresses have scheme, host and port in common.
pub(super) fn same_origin(left: &Url, right: &Url) -> bool {
    left.scheme() == right.scheme() && left.host() == right.host() && left.port_or_known_default() == right.port_or_known_default()
}

/// Returns scheme, host and port as text.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Returns an address as it may be shown: without user, password, query and fragment, where secrets stand.
pub(super) fn shown(url: &Url) -> String {
    let mut bare = url.clone();
    // Both fail only for addresses that cannot have a user.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.set_fragment(None);
    if bare.query().is_some() {
        bare.set_query(Some("…"));
        return bare.as_str().replace("%E2%80%A6", "…");
    }
    bare.into()
}

/// Finds the credentials for an address: those with the longest prefix that covers it.
pub(super) fn auth<'a>(config: &'a Config, url: &Url) -> Option<&'a Auth> {
    if config.auth.is_empty() {
        return None;
    }
    // Prefixes have no scheme. So that a secret for https never travels in the clear, http is served only where a
    // registry was configured to be http.
    let plain_is_meant = || std::iter::once(&config.default).chain(config.scopes.values()).any(|registry| same_origin(registry, url));
    if url.scheme() != "https" && !plain_is_meant() {
        return None;
    }
    let place = place(url)?;
    config.auth.iter().filter(|auth| covers(&auth.prefix, &place)).max_by_key(|auth| auth.prefix.trim_end_matches('/').len())
}

/// Returns `//host:port/path/`, in the form of a prefix.
fn place(url: &Url) -> Option<String> {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("//{}{port}{}/", url.host_str()?, url.path().trim_end_matches('/')))
}

/// Says whether an address lies below a prefix. The prefix ends where a segment does: `//host/a` is for `//host/a/b`,
/// not for `//host/ab`.
fn covers(prefix: &str, place: &str) -> bool {
    let rest = prefix.strip_prefix("//").unwrap_or(prefix).trim_end_matches('/');
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let host = host.to_ascii_lowercase();
    let wanted = if path.is_empty() { format!("//{host}/") } else { format!("//{host}/{path}/") };
    !host.is_empty() && place.starts_with(&wanted)
}

/// Returns the value of the `Authorization` header.
pub(super) fn authorization(credentials: &Credentials) -> String {
    match credentials {
        Credentials::Bearer(token) => format!("Bearer {token}"),
        Credentials::Basic(encoded) => format!("Basic {encoded}"),
        Credentials::Password { user, password } => format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
    }
}

/// Returns what tells the cached answers to one identity from those to another. A token is hashed with the rest; of a
/// password only the user counts, since a hash of it could be guessed.
pub(super) fn identity(config: &Config, registry: &Url) -> String {
    let from_address = (!registry.username().is_empty()).then(|| format!("user {}", registry.username()));
    let credentials = auth(config, registry).map(|auth| match &auth.credentials {
        Some(Credentials::Bearer(token)) => format!("{} bearer {token}", auth.prefix),
        Some(Credentials::Password { user, .. }) => format!("{} user {user}", auth.prefix),
        Some(Credentials::Basic(_)) => format!("{} basic", auth.prefix),
        None => format!("{} certificate", auth.prefix),
    });
    credentials.or(from_address).unwrap_or_default()
}

/// Says whether an address may be asked at all. The link-local addresses, where clouds keep the secrets of a machine,
/// are not for packages, unless one is a registry.
pub(super) fn is_allowed(config: &Config, url: &Url) -> bool {
    if !matches!(url.scheme(), "http" | "https") {
        return false;
    }
    let link_local = match url.host() {
        None => return false,
        Some(Host::Domain(_)) => false,
        Some(Host::Ipv4(ip)) => ip.is_link_local(),
        Some(Host::Ipv6(ip)) => ip.is_unicast_link_local() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_link_local()),
    };
    !link_local || std::iter::once(&config.default).chain(config.scopes.values()).any(|registry| same_origin(registry, url))
}

#[cfg(test)]
mod tests {
    use super::{auth, covers, is_allowed, packument, shown, tarball};
    use crate::package::name::PackageName;
    use crate::registry::config::{Auth, Config, Credentials};
    use url::Url;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    fn config(registry: &str) -> Config {
        Config::new(url(registry), "cache".into())
    }

    #[test]
    fn builds_addresses_below_the_registry_of_the_scope() {
        let mut config = config("https://registry.test/npm");
        config.scopes.insert("@s".to_owned(), url("http://other.test:81/"));
        let name = |text: &str| PackageName::parse(text).expect("a name");
        assert_eq!(packument(&config, &name("a")).as_str(), "https://registry.test/npm/a");
        assert_eq!(packument(&config, &name("@s/a")).as_str(), "http://other.test:81/@s%2fa");
        assert_eq!(tarball(&config, &name("@s/a"), "1.0.0-rc.1+b").as_str(), "http://other.test:81/@s/a/-/a-1.0.0-rc.1.tgz");
        assert_eq!(tarball(&config, &name("a"), "1.0.0").as_str(), "https://registry.test/npm/a/-/a-1.0.0.tgz");
    }

    #[test]
    fn a_prefix_ends_at_host_port_and_segment() {
        for (prefix, place, wanted) in [
            ("//host/", "//host/a/", true),
            ("//host", "//host/a/", true),
            ("//HOST/", "//host/a/", true),
            ("//host/", "//host.evil/a/", false),
            ("//host/", "//host:81/a/", false),
            ("//host:81/", "//host/a/", false),
            ("//host/path/", "//host/path2/", false),
            ("//host/path", "//host/path2/", false),
            ("//host/path/", "//host/path/", true),
            ("//host/path/", "//host/", false),
            ("", "//host/", false),
            ("//", "//host/", false),
        ] {
            assert_eq!(covers(prefix, place), wanted, "{prefix} {place}");
        }
    }

    #[test]
    fn the_longest_prefix_wins_and_nothing_secret_goes_over_http() {
        let mut config = config("https://registry.test/");
        for prefix in ["//registry.test/", "//registry.test/deep/er/", "//registry.test/deep"] {
            config.auth.push(Auth { prefix: prefix.to_owned(), credentials: Some(Credentials::Bearer("t".to_owned())), certificate: None });
        }
        let found = |config: &Config, text: &str| auth(config, &url(text)).map(|auth| auth.prefix.clone());
        assert_eq!(found(&config, "https://registry.test/deep/er/x").as_deref(), Some("//registry.test/deep/er/"));
        assert_eq!(found(&config, "https://registry.test/deep/x").as_deref(), Some("//registry.test/deep"));
        assert_eq!(found(&config, "https://registry.test/deeper").as_deref(), Some("//registry.test/"));
        assert_eq!(found(&config, "https://registry.test/deep/%2e%2e/x").as_deref(), Some("//registry.test/"));
        assert_eq!(found(&config, "http://registry.test/deep/x"), None);
        config.default = url("http://registry.test/");
        assert_eq!(found(&config, "http://registry.test/x").as_deref(), Some("//registry.test/"));
    }

    #[test]
    fn shows_no_secrets() {
        assert_eq!(shown(&url("https://me:pw@registry.test/a?token=1#x")), "https://registry.test/a?…");
        assert!(!format!("{:?}", Credentials::Bearer("secret".to_owned())).contains("secret"));
    }

    #[test]
    fn keeps_away_from_the_addresses_of_clouds() {
        let config = config("https://registry.test/");
        assert!(is_allowed(&config, &url("http://127.0.0.1/x")));
        for text in
            ["http://169.254.169.254/x", "http://[fe80::1]/x", "http://[::ffff:169.254.169.254]/", "file:///etc/passwd", "ftp://a.test/"]
        {
            assert!(!is_allowed(&config, &url(text)), "{text}");
        }
    }
}
