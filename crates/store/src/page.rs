//! Paging by key: a page begins where the one before ended, however many rows came meanwhile.

/// Which part of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where the page before ended: its `next`. `None` begins with the newest.
    pub before: Option<String>,
    /// Most rows to answer.
    pub limit: u32,
}

impl Page {
    /// The newest rows.
    pub fn first(limit: u32) -> Self {
        Self {
            before: None,
            limit,
        }
    }

    /// A key that every wanted row's id is smaller than.
    pub(crate) fn bound(&self) -> &str {
        // Ids are hexadecimal, so that a tilde comes after all of them.
        self.before.as_deref().unwrap_or("~")
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::first(50)
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<String>,
}

impl<T> Slice<T> {
    /// Makes a slice out of up to one row more than the page wants.
    pub(crate) fn cut(mut items: Vec<T>, page: &Page, key: impl Fn(&T) -> String) -> Self {
        let limit = page.limit as usize;
        let next = (items.len() > limit).then(|| {
            items.truncate(limit);
            items.last().map(&key).unwrap_or_default()
        });
        Self { items, next }
    }
}
