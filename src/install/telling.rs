//! What resolution warns about, in as few lines as say it.
//!
//! A large tree has dozens of deprecated packages deep inside and optional packages that the registry does not have for
//! every platform. Nobody at hand can change those, so they share a line; what a project asks for itself is told one by
//! one. The trace has everything.

use super::news::Event;
use super::session::Session;
use crate::resolve::error::Warning;

/// How many names a shared line has.
const NAMED: usize = 5;

/// Tells the warnings of a resolution. Returns what was said.
pub(super) fn tell(session: &Session, warnings: &[Warning]) -> Vec<String> {
    let (mut said, mut left_out, mut deprecated) = (Vec::new(), Vec::new(), Vec::new());
    for warning in warnings {
        match warning {
            Warning::OptionalLeftOut { trail, .. } if trail.matches(" > ").count() > 1 => {
                left_out.push(trail.rsplit(" > ").next().unwrap_or(trail));
            }
            Warning::Deprecated { id, direct: false, .. } => deprecated.push(id.as_str()),
            other => {
                said.push(other.to_string());
                continue;
            }
        }
        session.trace(warning);
    }
    if !left_out.is_empty() {
        said.push(line(
            "optional dependency of packages could not be resolved and is left out",
            "optional dependencies of packages could not be resolved and are left out",
            &left_out,
        ));
    }
    if !deprecated.is_empty() {
        said.push(line("package in the tree is deprecated", "packages in the tree are deprecated", &deprecated));
    }
    said.iter().for_each(|warning| say(session, warning));
    said
}

/// Says one of the lines. They belong to an answer, not to the tree that is built of it.
pub(super) fn say(session: &Session, warning: &str) {
    (session.listener)(Event::Warning(warning.to_owned()));
}

/// Returns `7 packages in the tree are deprecated: a@1.0.0, b@2.0.0, … (--log names all)`.
fn line(one: &str, many: &str, names: &[&str]) -> String {
    let named = names[..names.len().min(NAMED)].join(", ");
    let more = if names.len() > NAMED { ", … (--log names all)" } else { "" };
    format!("{} {}: {named}{more}", names.len(), if names.len() == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_shared_line_names_the_first_few() {
        assert_eq!(line("is", "are", &["a"]), "1 is: a");
        assert_eq!(line("is", "are", &["a", "b"]), "2 are: a, b");
        assert_eq!(line("is", "are", &["a"; 6]), "6 are: a, a, a, a, a, … (--log names all)");
    }
}
