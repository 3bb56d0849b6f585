use super::{Evidence, Generated, Stack, Undetected, exec_form, render};
use minijinja::context;

const TEMPLATE: &str = include_str!("python.Dockerfile");

/// How each file wants its packages installed, the strongest first: file, what has to be copied
/// before, command.
const INSTALLS: &[(&str, &[&str], &str)] = &[
    (
        "uv.lock",
        &["pyproject.toml", "uv.lock"],
        "pip install --no-cache-dir uv && uv export --frozen --no-dev --no-emit-project -o /tmp/requirements.txt && pip install --no-cache-dir -r /tmp/requirements.txt",
    ),
    (
        "poetry.lock",
        &["pyproject.toml", "poetry.lock"],
        "pip install --no-cache-dir poetry && poetry config virtualenvs.create false && poetry install --only main --no-root --no-interaction",
    ),
    (
        "requirements.txt",
        &["requirements.txt"],
        "pip install --no-cache-dir -r requirements.txt",
    ),
    (
        "Pipfile.lock",
        &["Pipfile", "Pipfile.lock"],
        "pip install --no-cache-dir pipenv && pipenv install --system --deploy",
    ),
    ("pyproject.toml", &["."], "pip install --no-cache-dir ."),
    ("setup.py", &["."], "pip install --no-cache-dir ."),
];

const ENTRIES: &[&str] = &["main.py", "app.py", "server.py", "run.py", "src/main.py"];

const DEFAULT_VERSION: &str = "3.12";
const MINORS: std::ops::RangeInclusive<u32> = 9..=14;

pub(super) fn generate(evidence: &Evidence, port: Option<u16>) -> Result<Generated, Undetected> {
    let mut reasons = Vec::new();
    let version = version(evidence, &mut reasons);
    let install = INSTALLS
        .iter()
        .find(|(marker, ..)| evidence.has(marker))
        .filter(|(marker, ..)| !is_empty_list(evidence, marker));
    match install {
        Some((marker, ..)) => reasons.push(format!("{marker} says which packages to install")),
        None => reasons.push("no packages are named: nothing is installed".to_owned()),
    }
    let start = start(evidence, port, &mut reasons).ok_or(Undetected::NoStart {
        stack: "Python",
        hint: "add a Procfile with a web line, or a main.py or app.py",
    })?;
    let dockerfile = render(
        TEMPLATE,
        context! {
            version,
            copied => install.map(|(_, files, _)| {
                exec_form(&files.iter().copied().chain(["./"]).collect::<Vec<_>>())
            }),
            install => install.map(|(.., command)| *command),
            start => exec_form(&start),
            port,
        },
    );
    Ok(Generated {
        stack: Stack::Python,
        dockerfile,
        reasons,
    })
}

/// A list of requirements with nothing but comments needs no installation.
fn is_empty_list(evidence: &Evidence, marker: &str) -> bool {
    marker == "requirements.txt"
        && evidence.texts.contains_key(marker)
        && evidence
            .text(marker)
            .lines()
            .all(|line| line.trim().is_empty() || line.trim().starts_with('#'))
}

fn version(evidence: &Evidence, reasons: &mut Vec<String>) -> String {
    for name in [".python-version", "runtime.txt"] {
        let text = evidence.text(name).trim();
        let text = text.strip_prefix("python-").unwrap_or(text);
        let mut parts = text.split('.');
        let minor = match (parts.next(), parts.next()) {
            (Some("3"), Some(minor)) => minor.parse().ok().filter(|minor| MINORS.contains(minor)),
            _ => None,
        };
        if let Some(minor) = minor {
            reasons.push(format!("{name} asks for Python 3.{minor}"));
            return format!("3.{minor}");
        }
    }
    reasons.push(format!(
        "nothing asks for a version: Python {DEFAULT_VERSION}"
    ));
    DEFAULT_VERSION.to_owned()
}

fn start(evidence: &Evidence, port: Option<u16>, reasons: &mut Vec<String>) -> Option<Vec<String>> {
    let role = if port.is_some() { "web" } else { "worker" };
    if let Some(line) = procfile(evidence.text("Procfile"), role) {
        reasons.push(format!("Procfile says how {role} starts"));
        // A Procfile's line is shell text by its own definition; it is the application's.
        return Some(vec![
            "sh".to_owned(),
            "-c".to_owned(),
            format!("exec {line}"),
        ]);
    }
    let bind = format!("0.0.0.0:{}", port.unwrap_or(8080));
    let needs = |package: &str| needs(evidence, package);
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    if evidence.has("manage.py") && port.is_some() {
        if needs("gunicorn")
            && let Some(module) = django_module(evidence)
        {
            reasons.push("Django and gunicorn are there: gunicorn serves it".to_owned());
            return words(&["gunicorn", "--bind", &bind, &format!("{module}.wsgi")]);
        }
        reasons.push(
            "Django is there without gunicorn: its development server runs, which is slow"
                .to_owned(),
        );
        return words(&["python", "manage.py", "runserver", &bind]);
    }
    let entry = evidence.first(ENTRIES)?;
    let module = entry.trim_end_matches(".py").replace('/', ".");
    if port.is_some() && needs("uvicorn") {
        reasons.push(format!(
            "uvicorn is among the packages: it serves {module}:app"
        ));
        let port = port.unwrap_or(8080).to_string();
        let target = format!("{module}:app");
        return words(&["uvicorn", "--host", "0.0.0.0", "--port", &port, &target]);
    }
    if port.is_some() && needs("gunicorn") {
        reasons.push(format!(
            "gunicorn is among the packages: it serves {module}:app"
        ));
        return words(&["gunicorn", "--bind", &bind, &format!("{module}:app")]);
    }
    reasons.push(format!("{entry} is there: python runs it"));
    words(&["python", "-u", entry])
}

fn procfile<'a>(text: &'a str, role: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (name, command) = line.split_once(':')?;
        let command = command.trim();
        (name.trim() == role && !command.is_empty()).then_some(command)
    })
}

/// Whether a package is named in one of the lists; its name has to stand alone.
fn needs(evidence: &Evidence, package: &str) -> bool {
    ["requirements.txt", "pyproject.toml", "Pipfile"]
        .iter()
        .any(|file| {
            evidence
                .text(file)
                .to_ascii_lowercase()
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
                .any(|word| word == package)
        })
}

/// `shop` of `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")`.
fn django_module(evidence: &Evidence) -> Option<String> {
    let text = evidence.text("manage.py");
    let after = &text[text.find("DJANGO_SETTINGS_MODULE")? + "DJANGO_SETTINGS_MODULE".len()..];
    let module = after
        .split(['"', '\''])
        .find(|part| part.contains(".settings"))?
        .split(".settings")
        .next()?;
    let plain = !module.is_empty()
        && module
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    plain.then(|| module.to_owned())
}
