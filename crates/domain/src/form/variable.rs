//! A variable of a service in an environment.

use super::{Field, FieldError, FieldKind, Form, Reader, Values};
use crate::{Secret, name::VariableName};

/// A variable as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedVariable {
    /// Name in the process's environment.
    pub name: VariableName,
    /// The value; wiped from memory also when it is plain.
    pub value: Secret,
    /// Whether it is to be sealed.
    pub secret: bool,
}

/// What is asked for a variable.
pub fn form() -> Form {
    Form::new(
        "variable",
        vec![
            Field::new("name", "Name", FieldKind::Text)
                .example("DATABASE_URL")
                .required(),
            Field::new("secret", "Secret", FieldKind::Toggle)
                .help("Sealed at once, masked everywhere, shown only when you reveal it."),
            Field::new("value", "Value", FieldKind::Multiline).when("secret", &["", "false"]),
            Field::new("secret_value", "Value", FieldKind::Secret).when("secret", &["true"]),
        ],
    )
}

/// Reads it. An empty value is a value.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read(values: &Values) -> Result<TypedVariable, Vec<FieldError>> {
    let form = form();
    let mut reader = Reader::open(&form, values);
    let name = reader.parsed("name", VariableName::parse(reader.text("name")));
    let secret = reader.is_on("secret");
    let field = if secret { "secret_value" } else { "value" };
    let value = Secret::new(reader.raw(field));
    if value.expose().contains('\0') {
        reader.wrong(field, "a value cannot contain a NUL character: encode it");
    }
    reader.finish(name.map(|name| TypedVariable {
        name,
        value,
        secret,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_its_masked_field() {
        let typed = read(&Values::from_iter([
            ("name", "TOKEN"),
            ("secret", "true"),
            ("value", "left over"),
            ("secret_value", "s3cret"),
        ]))
        .unwrap();
        assert!(typed.secret);
        assert_eq!(typed.value.expose(), "s3cret");
    }

    #[test]
    fn values_keep_their_blanks() {
        let typed = read(&Values::from_iter([("name", "A"), ("value", " x \n")])).unwrap();
        assert_eq!(typed.value.expose(), " x \n");
    }

    #[test]
    fn a_wrong_name_and_a_nul_are_told_beside_their_fields() {
        let values = Values::from_iter([("name", "1A"), ("value", "a\0b")]);
        let fields: Vec<String> = read(&values)
            .unwrap_err()
            .into_iter()
            .map(|error| error.field)
            .collect();
        assert_eq!(fields, ["name", "value"]);
    }
}
