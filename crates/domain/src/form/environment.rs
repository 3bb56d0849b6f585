//! An environment and its servers.

use super::{Choice, Field, FieldError, FieldKind, Form, Reader, Values};
use crate::{ServerId, name::Name};

/// What is asked for a new environment; `servers` are those to choose from, with what tells them
/// apart.
pub fn form(servers: &[(ServerId, String, String)]) -> Form {
    Form::new(
        "environment",
        vec![
            Field::new("name", "Name", FieldKind::Text)
                .help("Such as production or staging.")
                .example("production")
                .required(),
            servers_field(servers),
        ],
    )
}

/// What is asked when an environment is given other servers.
pub fn servers_form(servers: &[(ServerId, String, String)]) -> Form {
    Form::new("environment_servers", vec![servers_field(servers)])
}

fn servers_field(servers: &[(ServerId, String, String)]) -> Field {
    let options = servers
        .iter()
        .map(|(id, name, help)| Choice::new(&id.to_string(), name, help))
        .collect();
    Field::new("servers", "Servers", FieldKind::Several { options })
        .help("Its services run on each of them, from their next deployment on. The first builds.")
}

/// Reads it: the name, and the servers in their order.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read(values: &Values) -> Result<(Name, Vec<ServerId>), Vec<FieldError>> {
    let form = Form::new(
        "environment",
        vec![
            Field::new("name", "Name", FieldKind::Text).required(),
            any_servers(),
        ],
    );
    let mut reader = Reader::open(&form, values);
    let name = reader.parsed("name", Name::parse(reader.text("name")));
    let servers = server_ids(&mut reader);
    reader.finish(name.zip(servers))
}

/// Reads which servers an environment is given.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read_servers(values: &Values) -> Result<Vec<ServerId>, Vec<FieldError>> {
    let form = Form::new("environment_servers", vec![any_servers()]);
    let mut reader = Reader::open(&form, values);
    let servers = server_ids(&mut reader);
    reader.finish(servers)
}

/// Which servers there are is the engine's to know, when the environment is written.
fn any_servers() -> Field {
    Field::new("servers", "Servers", FieldKind::List)
}

fn server_ids(reader: &mut Reader) -> Option<Vec<ServerId>> {
    let ids = reader.lines("servers");
    let ids: Result<Vec<ServerId>, _> = ids.iter().map(|id| id.parse()).collect();
    reader.parsed("servers", ids)
}

/// The values of an environment that has these servers.
pub fn servers_written(servers: &[ServerId]) -> Values {
    let ids: Vec<String> = servers.iter().map(ServerId::to_string).collect();
    Values::from_iter([("servers", super::write_lines(&ids))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn servers_read_back_in_their_order() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let ids = vec![ServerId::mint(now, [2; 10]), ServerId::mint(now, [1; 10])];
        assert_eq!(read_servers(&servers_written(&ids)), Ok(ids));
    }

    #[test]
    fn an_environment_needs_a_name_and_real_ids() {
        let errors = read(&Values::from_iter([("servers", "web-1")])).unwrap_err();
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["name", "servers"]);
    }
}
