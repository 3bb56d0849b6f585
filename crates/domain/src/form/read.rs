//! Reading what was typed, field by field, and collecting everything that is wrong.

use super::{Field, FieldError, FieldKind, Form, Values, text};
use std::fmt::Display;

/// Reads the values of a form. Fields that are not shown read as empty; every error is kept beside
/// its field, so that people see all of them at once.
pub struct Reader<'a> {
    form: &'a Form,
    values: &'a Values,
    errors: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    /// Begins with what the form itself demands: required fields, numbers, choices.
    pub fn open(form: &'a Form, values: &'a Values) -> Self {
        let mut reader = Self {
            form,
            values,
            errors: Vec::new(),
        };
        for field in &form.fields {
            if form.is_shown(field, values) {
                reader.check(field);
            }
        }
        reader
    }

    fn check(&mut self, field: &Field) {
        let value = self.values.get(&field.name);
        if value.trim().is_empty() {
            if field.required {
                self.wrong(&field.name, "this is needed");
            }
            return;
        }
        match &field.kind {
            FieldKind::Number { min, max, .. } => {
                // Compared by what stands before the point: limits are whole.
                let whole = value.trim().split('.').next().unwrap_or_default();
                match (whole.parse::<u64>(), max) {
                    // What is no number at all is told when it is read in its unit.
                    (Err(_), _) => {}
                    (Ok(number), _) if number < *min => {
                        self.wrong(&field.name, format!("at least {min}"));
                    }
                    (Ok(number), Some(max)) if number > *max => {
                        self.wrong(&field.name, format!("at most {max}"));
                    }
                    (Ok(_), _) => {}
                }
            }
            FieldKind::Choice { options } => {
                if options.iter().all(|option| option.value != value) {
                    self.wrong(&field.name, "choose one of the options");
                }
            }
            FieldKind::Several { options } => {
                let known = |line: &str| options.iter().any(|option| option.value == line);
                if !value.lines().filter(|line| !line.is_empty()).all(known) {
                    self.wrong(&field.name, "choose among the options");
                }
            }
            FieldKind::Toggle => {
                if !matches!(value, "true" | "false") {
                    self.wrong(&field.name, "switch it on or off");
                }
            }
            FieldKind::Text
            | FieldKind::Multiline
            | FieldKind::Secret
            | FieldKind::List
            | FieldKind::Pairs
            | FieldKind::Folder => {}
        }
    }

    /// The text of a field exactly as it stands; empty when it is not shown.
    pub fn raw(&self, field: &str) -> &'a str {
        match self.form.field(field) {
            Some(of_form) if self.form.is_shown(of_form, self.values) => self.values.get(field),
            _ => "",
        }
    }

    /// The text of a field without blanks around it.
    pub fn text(&self, field: &str) -> &'a str {
        self.raw(field).trim()
    }

    /// Whether a toggle is on.
    pub fn is_on(&self, field: &str) -> bool {
        self.raw(field) == "true"
    }

    /// A number in thousandths, mebibytes, … (`per` of which make one of the field's unit); `None`
    /// when it is empty or wrong.
    pub fn amount(&mut self, field: &str, per: u64) -> Option<u64> {
        let value = self.text(field);
        if value.is_empty() {
            return None;
        }
        let read = text::read_amount(value, per);
        self.parsed(field, read)
    }

    /// A whole number of a narrower type; `None` when it is empty or wrong.
    pub fn number<N: TryFrom<u64>>(&mut self, field: &str) -> Option<N> {
        let number = self.amount(field, 1)?;
        let narrow = N::try_from(number).map_err(|_| "this number is too large");
        self.parsed(field, narrow)
    }

    /// Items, one a line.
    pub fn lines(&mut self, field: &str) -> Vec<String> {
        let read = text::read_lines(self.raw(field));
        self.parsed(field, read).unwrap_or_default()
    }

    /// `NAME=value`, one a line.
    pub fn pairs(&mut self, field: &str) -> Vec<(String, String)> {
        let read = text::read_pairs(self.raw(field));
        self.parsed(field, read).unwrap_or_default()
    }

    /// What a rule of the domain made of a field; its refusal becomes the field's error. A field
    /// that is wrong already (empty, say) is not told twice.
    pub fn parsed<T, E: Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(field, error);
                None
            }
        }
    }

    /// Notes that a field is wrong; the first error of a field is the one that is told.
    pub fn wrong(&mut self, field: &str, why: impl Display) {
        if self.errors.iter().all(|error| error.field != field) {
            self.errors.push(FieldError::new(field, &why.to_string()));
        }
    }

    /// Whether nothing is wrong so far.
    pub fn is_well(&self) -> bool {
        self.errors.is_empty()
    }

    /// The noun, or everything that is wrong.
    pub fn finish<T>(self, noun: Option<T>) -> Result<T, Vec<FieldError>> {
        match noun {
            Some(noun) if self.errors.is_empty() => Ok(noun),
            _ => Err(self.errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    fn form() -> Form {
        Form::new(
            "sample",
            vec![
                Field::new("name", "Name", FieldKind::Text).required(),
                Field::new("port", "Port", FieldKind::whole(1, Some(65_535))),
                Field::new(
                    "kind",
                    "Kind",
                    FieldKind::choice(&[("a", "A", ""), ("b", "B", "")]),
                ),
                Field::new("path", "Path", FieldKind::Text)
                    .when("kind", &["b"])
                    .required(),
            ],
        )
    }

    fn errors(values: &[(&str, &str)]) -> Vec<(String, String)> {
        let (form, values) = (form(), values.iter().copied().collect::<Values>());
        let mut reader = Reader::open(&form, &values);
        let name = Name::parse(reader.text("name"));
        let name = reader.parsed("name", name);
        let _: Option<u16> = reader.number("port");
        reader
            .finish(name)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|error| (error.field, error.message))
            .collect()
    }

    #[test]
    fn everything_wrong_is_told_at_once_and_each_field_once() {
        let found = errors(&[("port", "70000"), ("kind", "c")]);
        let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["name", "port", "kind"]);
        assert_eq!(found[0].1, "This is needed.");
        assert_eq!(found[1].1, "At most 65535.");
    }

    #[test]
    fn a_hidden_field_is_neither_needed_nor_read() {
        assert_eq!(errors(&[("name", "web"), ("kind", "a")]), []);
        let found = errors(&[("name", "web"), ("kind", "b")]);
        assert_eq!(found, [("path".to_owned(), "This is needed.".to_owned())]);
    }
}
