//! A project.

use super::{Field, FieldError, FieldKind, Form, Reader, Values};
use crate::name::Name;

/// What is asked for a new project.
pub fn form() -> Form {
    Form::new(
        "project",
        vec![
            Field::new("name", "Name", FieldKind::Text)
                .help("Lower-case letters, digits and dashes. It names what runs on your servers.")
                .example("shop")
                .required(),
        ],
    )
}

/// Reads it.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read(values: &Values) -> Result<Name, Vec<FieldError>> {
    let form = form();
    let mut reader = Reader::open(&form, values);
    let name = reader.parsed("name", Name::parse(reader.text("name")));
    reader.finish(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_name_comes_with_one_that_would_do() {
        let errors = read(&Values::from_iter([("name", "My Shop")])).unwrap_err();
        assert_eq!(errors[0].field, "name");
        assert!(errors[0].message.contains("“my-shop” would do"));
    }
}
