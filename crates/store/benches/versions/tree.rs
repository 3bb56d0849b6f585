//! A tree as projects have them: mostly code in small files, some pictures, a few large files.

use crate::Answer;
use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

/// How large it is to be.
#[derive(Clone, Copy)]
pub struct Size {
    pub files: usize,
    pub bytes: u64,
}

/// The tree on the disk.
pub struct Tree {
    folder: PathBuf,
    paths: Vec<PathBuf>,
    bytes: u64,
    dice: Dice,
    edits: usize,
}

/// Of a thousand files, so many are not text; and so many are larger than what is kept whole.
const PICTURES: u64 = 60;
const LARGE: u64 = 2;
/// Files in a folder, and folders in a folder.
const ABREAST: usize = 25;

impl Tree {
    /// Writes it; the same every time.
    pub fn make(folder: &Path, size: Size) -> Answer<Self> {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let mean = size.bytes / size.files as u64;
        let mut tree = Self {
            folder: folder.to_owned(),
            paths: Vec::new(),
            bytes: 0,
            edits: 0,
            dice: Dice(7),
        };
        for index in 0..size.files {
            let group = index / ABREAST;
            let below = folder
                .join(format!("part-{}", group / (ABREAST * ABREAST)))
                .join(format!("module-{}", group / ABREAST))
                .join(format!("unit-{group}"));
            if index.is_multiple_of(ABREAST) {
                fs::create_dir_all(&below)?;
            }
            let kind = dice.below(1_000);
            let (name, content) = if kind < LARGE {
                let bytes = mean * 50 + dice.below(mean * 200);
                (format!("data-{index}.bin"), dice.mixed(bytes))
            } else if kind < LARGE + PICTURES {
                let bytes = mean + dice.below(mean * 4);
                (format!("picture-{index}.png"), dice.noise(bytes))
            } else {
                // Most are short, some are long: the square makes the tail.
                let share = dice.below(1_000);
                let bytes = 200 + mean * 2 * share * share / 1_000_000;
                (format!("source-{index}.ts"), dice.code(bytes))
            };
            let path = below.join(name);
            File::create(&path)?.write_all(&content)?;
            tree.bytes += content.len() as u64;
            tree.paths.push(path);
        }
        Ok(tree)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn files(&self) -> usize {
        self.paths.len()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads all of it, so that it lies in memory.
    pub fn read(&self) -> Answer {
        let mut buffer = vec![0; 1 << 20];
        for path in &self.paths {
            let mut file = File::open(path)?;
            while file.read(&mut buffer)? > 0 {}
        }
        Ok(())
    }

    /// Changes so many files of code as an editor does; answers the bytes of those files.
    pub fn change(&mut self, count: usize) -> Answer<u64> {
        let mut changed = 0;
        let mut left = count;
        while left > 0 {
            let index = self.dice.below(self.paths.len() as u64) as usize;
            let path = &self.paths[index];
            if path.extension().is_none_or(|ending| ending != "ts") {
                continue;
            }
            let mut content = fs::read(path)?;
            self.edits += 1;
            content.extend(format!("export const edit{} = true;\n", self.edits).into_bytes());
            fs::write(path, &content)?;
            changed += content.len() as u64;
            left -= 1;
        }
        Ok(changed)
    }
}

/// A small generator of the same numbers every time (xorshift64*).
struct Dice(u64);

/// What code is made of.
const WORDS: [&str; 40] = [
    "const",
    "function",
    "return",
    "export",
    "import",
    "await",
    "async",
    "if",
    "else",
    "for",
    "order",
    "customer",
    "price",
    "total",
    "basket",
    "item",
    "request",
    "response",
    "error",
    "value",
    "index",
    "length",
    "filter",
    "map",
    "reduce",
    "string",
    "number",
    "boolean",
    "null",
    "undefined",
    "this",
    "new",
    "class",
    "extends",
    "public",
    "private",
    "readonly",
    "type",
    "interface",
    "default",
];

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 33) % limit.max(1)
    }

    /// Lines of words and names, which shrink as code does: to a third or a quarter.
    fn code(&mut self, bytes: u64) -> Vec<u8> {
        let mut text = String::with_capacity(bytes as usize + 100);
        while (text.len() as u64) < bytes {
            text.push_str(&"\t".repeat(self.below(4) as usize));
            for _ in 0..4 + self.below(8) {
                match self.below(4) {
                    0 => text.push_str(&format!("name{:x}", self.below(1 << 20))),
                    1 => text.push_str(&format!("({})", self.below(1_000))),
                    _ => text.push_str(WORDS[self.below(WORDS.len() as u64) as usize]),
                }
                text.push(' ');
            }
            text.push_str(";\n");
        }
        text.truncate(bytes as usize);
        text.into_bytes()
    }

    /// What does not shrink.
    fn noise(&mut self, bytes: u64) -> Vec<u8> {
        let mut noise = Vec::with_capacity(bytes as usize + 8);
        while (noise.len() as u64) < bytes {
            noise.extend(self.next().to_le_bytes());
        }
        noise.truncate(bytes as usize);
        noise
    }

    /// Half of it does.
    fn mixed(&mut self, bytes: u64) -> Vec<u8> {
        let mut mixed = self.noise(bytes / 2);
        mixed.extend(self.code(bytes - bytes / 2));
        mixed
    }
}
