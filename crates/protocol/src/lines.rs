//! Bytes that become lines: of a container, of a command, of the agent.

/// Longest line that is passed on whole, bytes. A longer one comes in pieces.
pub const MAX_LOG_LINE: usize = 16 << 10;

/// The beginning of a line whose end has not come yet.
#[derive(Debug, Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// Takes bytes as they come and tells every line that ends in them, without its end. What is no
    /// UTF-8 is replaced.
    pub fn take(&mut self, bytes: &[u8], mut tell: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.end(&mut tell);
            }
            while self.0.len() > MAX_LOG_LINE {
                let rest = self.0.split_off(piece_of(&self.0));
                tell(&String::from_utf8_lossy(&self.0));
                self.0 = rest;
            }
        }
    }

    /// Tells what is left when nothing comes any more.
    pub fn end(&mut self, mut tell: impl FnMut(&str)) {
        if self.0.is_empty() {
            return;
        }
        let mut line = self.0.strip_suffix(b"\n").unwrap_or(&self.0);
        while let Some(shorter) = line.strip_suffix(b"\r") {
            line = shorter;
        }
        while line.len() > MAX_LOG_LINE {
            let (first, rest) = line.split_at(piece_of(line));
            tell(&String::from_utf8_lossy(first));
            line = rest;
        }
        tell(&String::from_utf8_lossy(line));
        self.0.clear();
    }
}

/// How much of a line that is too long makes a piece: no character is cut in two.
fn piece_of(line: &[u8]) -> usize {
    let is_inside = |at: &usize| line.get(*at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let ends = (MAX_LOG_LINE - 3..=MAX_LOG_LINE).rev();
    ends.into_iter()
        .find(|at| !is_inside(at))
        .unwrap_or(MAX_LOG_LINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(parts: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut told = Vec::new();
        for part in parts {
            lines.take(part, |line| told.push(line.to_owned()));
        }
        lines.end(|line| told.push(line.to_owned()));
        told
    }

    #[test]
    fn lines_are_whole_however_they_arrive() {
        let parts: [&[u8]; 5] = [b"one\ntw", b"o\r\n\n", b"thr", b"ee\r", b"\n"];
        assert_eq!(told(&parts), ["one", "two", "", "three"]);
        assert_eq!(told(&[b"one", b"", b"\xff"]), ["one\u{fffd}"]);
        assert_eq!(told(&[b""]), [""; 0]);
    }

    #[test]
    fn a_line_without_an_end_comes_in_pieces_that_cut_no_character() {
        let long = "ü".repeat(MAX_LOG_LINE);
        let cut = format!("x{long}");
        for parts in [vec![cut.as_bytes()], cut.as_bytes().chunks(1_000).collect()] {
            let pieces = told(&parts);
            assert!(pieces.iter().all(|piece| piece.len() <= MAX_LOG_LINE));
            assert_eq!(pieces.concat(), cut);
            assert_eq!(pieces.len(), 3);
        }
    }
}
