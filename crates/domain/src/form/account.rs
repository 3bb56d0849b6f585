//! A login at a provider. Whether its token works is the provider's to say.

use super::{Field, FieldError, FieldKind, Form, Reader, Values};
use crate::{Secret, name::Name, server::Provider};

/// What is asked for a new login.
pub fn form(provider: Provider) -> Form {
    Form::new(
        "account",
        vec![
            Field::new("name", "Name", FieldKind::Text)
                .help("What this account is called here.")
                .example(usual_name(provider))
                .required(),
            token(where_tokens_are_made(provider)),
        ],
    )
}

/// What is asked when a login gets another token.
pub fn token_form(provider: Provider) -> Form {
    Form::new(
        "account_token",
        vec![token(where_tokens_are_made(provider))],
    )
}

/// The name that a first login of a provider begins with.
pub fn usual_name(provider: Provider) -> &'static str {
    match provider {
        Provider::Digitalocean => "digitalocean",
        Provider::Cloudflare => "cloudflare",
    }
}

fn token(help: &str) -> Field {
    Field::new("token", "API token", FieldKind::Secret)
        .help(help)
        .required()
}

fn where_tokens_are_made(provider: Provider) -> &'static str {
    match provider {
        Provider::Digitalocean => {
            "Make one at cloud.digitalocean.com under API, Tokens: with full access, or with the \
             scopes that the answer names. It is tried first, and then kept in the keychain."
        }
        Provider::Cloudflare => {
            "Make one at dash.cloudflare.com under My Profile, API Tokens, for the zones that you \
             use: DNS, SSL and Certificates, and Zone Settings to edit. It is tried first, and then \
             kept in the keychain."
        }
    }
}

/// Reads it: the name and the token.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read(values: &Values) -> Result<(Name, Secret), Vec<FieldError>> {
    // What is asked is the same for every provider; only the help differs.
    let form = form(Provider::Digitalocean);
    let mut reader = Reader::open(&form, values);
    let name = reader.parsed("name", Name::parse(reader.text("name")));
    let token = typed_token(&mut reader);
    reader.finish(name.zip(token))
}

/// Reads another token.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read_token(values: &Values) -> Result<Secret, Vec<FieldError>> {
    let form = token_form(Provider::Digitalocean);
    let mut reader = Reader::open(&form, values);
    let token = typed_token(&mut reader);
    reader.finish(token)
}

/// A token travels in a header: anything else than visible ASCII was pasted wrongly.
fn typed_token(reader: &mut Reader) -> Option<Secret> {
    let text = reader.text("token");
    let plain = text.bytes().all(|b| b.is_ascii_graphic());
    let read = plain
        .then(|| Secret::new(text))
        .ok_or("this cannot be a token: it holds blanks or special characters");
    reader.parsed("token", read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_without_what_came_along_when_it_was_pasted() {
        let values = Values::from_iter([("name", "mine"), ("token", "  dop_v1_abc\n")]);
        let (name, token) = read(&values).unwrap();
        assert_eq!((name.as_str(), token.expose()), ("mine", "dop_v1_abc"));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_token() {
        let values = Values::from_iter([("name", "No Name"), ("token", "hunter 2")]);
        let errors = read(&values).unwrap_err();
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["name", "token"]);
        assert!(!format!("{errors:?}").contains("hunter"));
        assert_eq!(read_token(&Values::default()).unwrap_err().len(), 1);
    }

    #[test]
    fn a_draft_keeps_no_token() {
        let values = Values::from_iter([("name", "mine"), ("token", "hunter2")]);
        let draft = form(Provider::Cloudflare).draft(&values);
        assert_eq!(draft, Values::from_iter([("name", "mine")]));
    }
}
