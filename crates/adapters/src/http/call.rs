//! One request, described before it is sent.

use super::budget::Class;
use plimsoll_domain::Secret;
use reqwest::Method;
use serde_json::Value;

/// A request to a provider.
#[derive(Clone)]
pub(crate) struct Call {
    /// What we are doing to what, to follow “Could not”.
    pub(crate) doing: String,
    pub(crate) method: Method,
    /// Segments below the service's base; encoded when the request is built.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    /// What the body holds that must not come back in an error.
    pub(crate) secrets: Vec<Secret>,
    /// Whether sending it twice has the effect of sending it once.
    pub(crate) repeatable: bool,
    /// What the token must be allowed to, in the provider's words.
    pub(crate) needs: &'static [&'static str],
    pub(crate) class: Class,
}

impl Call {
    fn new(method: Method, doing: impl Into<String>, path: &[&str]) -> Self {
        let repeatable = matches!(method, Method::GET | Method::PUT | Method::DELETE);
        Self {
            doing: doing.into(),
            method,
            path: path.iter().map(|segment| (*segment).to_owned()).collect(),
            query: Vec::new(),
            body: None,
            secrets: Vec::new(),
            repeatable,
            needs: &[],
            class: Class::Any,
        }
    }
    pub(crate) fn get(doing: impl Into<String>, path: &[&str]) -> Self {
        Self::new(Method::GET, doing, path)
    }
    pub(crate) fn post(doing: impl Into<String>, path: &[&str], body: Value) -> Self {
        Self::new(Method::POST, doing, path).body(body)
    }
    pub(crate) fn put(doing: impl Into<String>, path: &[&str], body: Value) -> Self {
        Self::new(Method::PUT, doing, path).body(body)
    }
    pub(crate) fn patch(doing: impl Into<String>, path: &[&str], body: Value) -> Self {
        Self::new(Method::PATCH, doing, path).body(body)
    }
    pub(crate) fn delete(doing: impl Into<String>, path: &[&str]) -> Self {
        Self::new(Method::DELETE, doing, path)
    }
    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
    /// Hides this from errors.
    pub(crate) fn hiding(mut self, secret: &Secret) -> Self {
        self.secrets.push(secret.clone());
        self
    }
    /// Sending it twice has the effect of sending it once, although its method does not say so.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }
    pub(crate) fn needs(mut self, needs: &'static [&'static str]) -> Self {
        self.needs = needs;
        self
    }
    pub(crate) fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }
}
