//! A name that shall lead to a service.

use super::{Choice, Field, FieldError, FieldKind, Form, Reader, Values};
use crate::{EnvironmentId, ProviderAccountId, ServiceId, dns::HostName};

/// A name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDomain {
    /// The name.
    pub host: HostName,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// The account that keeps its zone.
    pub account_id: ProviderAccountId,
    /// Content of somebody else's record that may be replaced.
    pub replace: Option<String>,
}

/// Where a name can lead: environment and service, with what people call them.
pub type Place = (EnvironmentId, ServiceId, String);

/// What is asked; `places` and `accounts` are those to choose from.
pub fn form(places: &[Place], accounts: &[(ProviderAccountId, String, String)]) -> Form {
    let places = places
        .iter()
        .map(|(environment, service, path)| {
            Choice::new(&place_value(*environment, *service), path, "")
        })
        .collect();
    let accounts = accounts
        .iter()
        .map(|(id, name, owner)| Choice::new(&id.to_string(), name, owner))
        .collect();
    Form::new(
        "domain",
        vec![
            host(),
            Field::new("place", "Leads to", FieldKind::Choice { options: places })
                .help("The service that answers, in one of its environments.")
                .required(),
            Field::new(
                "account",
                "Account",
                FieldKind::Choice { options: accounts },
            )
            .help("The Cloudflare account that keeps the name's zone.")
            .required(),
            replace(),
        ],
    )
}

/// A place as it stands among the values.
pub fn place_value(environment: EnvironmentId, service: ServiceId) -> String {
    format!("{environment}/{service}")
}

fn host() -> Field {
    Field::new("host", "Name", FieldKind::Text)
        .help("In one of the account's zones.")
        .example("app.example.com")
        .required()
}

fn replace() -> Field {
    Field::new("replace", "Record to replace", FieldKind::Text)
        .help(
            "Only where a record that Plimsoll did not make is in the way: its content, such as \
             203.0.113.7.",
        )
        .group("When a record is in the way")
}

/// Reads it.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read(values: &Values) -> Result<NewDomain, Vec<FieldError>> {
    // Which places and accounts there are is the engine's to know, when the plan is made.
    let form = Form::new(
        "domain",
        vec![
            host(),
            Field::new("place", "Leads to", FieldKind::Text).required(),
            Field::new("account", "Account", FieldKind::Text).required(),
            replace(),
        ],
    );
    let mut reader = Reader::open(&form, values);
    let host = reader.parsed("host", HostName::parse(reader.text("host")));
    let place = reader.parsed("place", read_place(reader.text("place")));
    let account = reader.text("account").parse::<ProviderAccountId>();
    let account = reader.parsed("account", account);
    let replace = Some(reader.text("replace"))
        .filter(|content| !content.is_empty())
        .map(str::to_owned);
    let read = host.zip(place).zip(account);
    reader.finish(read.map(
        |((host, (environment_id, service_id)), account_id)| NewDomain {
            host,
            environment_id,
            service_id,
            account_id,
            replace,
        },
    ))
}

fn read_place(text: &str) -> Result<(EnvironmentId, ServiceId), &'static str> {
    text.split_once('/')
        .and_then(|(environment, service)| Some((environment.parse().ok()?, service.parse().ok()?)))
        .ok_or("choose where the name leads")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn a_name_is_read_with_the_place_that_it_leads_to() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let environment = EnvironmentId::mint(now, [1; 10]);
        let service = ServiceId::mint(now, [2; 10]);
        let account = ProviderAccountId::mint(now, [3; 10]);
        let mut values = Values::from_iter([("host", " App.Example.com ")]);
        values.set("place", place_value(environment, service));
        values.set("account", account.to_string());
        let read = read(&values).unwrap();
        assert_eq!(read.host.as_str(), "app.example.com");
        assert_eq!(
            (read.environment_id, read.service_id),
            (environment, service)
        );
        assert_eq!((read.account_id, read.replace), (account, None));
    }

    #[test]
    fn everything_that_is_wrong_is_told_beside_its_field() {
        let values = Values::from_iter([("host", "localhost"), ("place", "somewhere")]);
        let errors = read(&values).unwrap_err();
        let mut fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["account", "host", "place"]);
    }
}
