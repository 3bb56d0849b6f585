use super::*;
use proptest::prelude::*;

fn evidence(files: &[(&str, &str)]) -> Evidence {
    Evidence {
        files: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
        texts: files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect(),
    }
}

/// Each folder gets a Dockerfile that has all of the wanted lines and none of the others.
fn check(
    files: &[(&str, &str)],
    port: Option<u16>,
    wanted: &[&str],
    unwanted: &[&str],
) -> Generated {
    let generated = generate(&evidence(files), port).unwrap();
    let lines: Vec<&str> = generated.dockerfile.lines().collect();
    for line in wanted {
        assert!(
            lines.contains(line),
            "no line “{line}” in\n{}",
            generated.dockerfile
        );
    }
    for word in unwanted {
        assert!(
            !generated.dockerfile.contains(word),
            "“{word}” in\n{}",
            generated.dockerfile
        );
    }
    generated
}

#[test]
fn node_without_packages_installs_nothing_and_starts_directly() {
    check(
        &[
            ("package.json", r#"{"scripts":{"start":"node server.js"}}"#),
            ("server.js", ""),
        ],
        Some(3000),
        &[
            "FROM node:22-slim",
            "ENV PORT=3000 HOST=0.0.0.0",
            "COPY . .",
            "EXPOSE 3000",
            r#"CMD ["node","server.js"]"#,
        ],
        &["npm"],
    );
}

#[test]
fn a_lock_file_decides_who_installs() {
    for (lock, command) in [
        ("package-lock.json", "RUN npm ci --no-audit --no-fund"),
        (
            "yarn.lock",
            "RUN corepack enable && yarn install --frozen-lockfile",
        ),
        (
            "pnpm-lock.yaml",
            "RUN corepack enable && pnpm install --frozen-lockfile",
        ),
    ] {
        check(
            &[
                (
                    "package.json",
                    r#"{"engines":{"node":">=20"},"main":"./index.js","dependencies":{"a":"1"}}"#,
                ),
                ("index.js", ""),
                (lock, ""),
            ],
            Some(8080),
            &[
                "FROM node:20-slim",
                command,
                &format!(r#"COPY ["package.json","{lock}","./"]"#),
                r#"CMD ["node","index.js"]"#,
            ],
            &[],
        );
    }
}

#[test]
fn a_start_script_with_shell_words_is_left_to_npm() {
    let generated = check(
        &[(
            "package.json",
            r#"{"scripts":{"start":"FOO=1 node a.js && echo $(id)"}}"#,
        )],
        None,
        &[r#"CMD ["npm","run","start"]"#],
        &["$(id)", "EXPOSE", "PORT"],
    );
    assert_eq!(generated.stack, Stack::Node);
}

#[test]
fn a_site_builder_without_a_server_is_served_by_nginx() {
    let generated = check(
        &[(
            "package.json",
            r#"{"scripts":{"build":"vite build"},"devDependencies":{"vite":"5"}}"#,
        )],
        Some(8080),
        &[
            "FROM node:22-slim AS build",
            "RUN npm run build",
            "FROM nginx:stable-alpine",
            "COPY --from=build /app/dist /usr/share/nginx/html/",
            "EXPOSE 8080",
        ],
        &["USER node"],
    );
    assert_eq!(generated.stack, Stack::Static);
}

#[test]
fn python_is_started_by_what_its_packages_offer() {
    check(
        &[("requirements.txt", "Flask==3\ngunicorn\n"), ("app.py", "")],
        Some(5000),
        &[
            "FROM python:3.12-slim",
            "RUN pip install --no-cache-dir -r requirements.txt",
            r#"CMD ["gunicorn","--bind","0.0.0.0:5000","app:app"]"#,
        ],
        &[],
    );
    check(
        &[
            ("requirements.txt", "fastapi\nuvicorn[standard]>=0.30\n"),
            ("main.py", ""),
            (".python-version", "3.11.4\n"),
        ],
        Some(8000),
        &[
            "FROM python:3.11-slim",
            r#"CMD ["uvicorn","--host","0.0.0.0","--port","8000","main:app"]"#,
        ],
        &[],
    );
    check(
        &[
            ("requirements.txt", "django\ngunicorn"),
            (
                "manage.py",
                "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')",
            ),
        ],
        Some(8000),
        &[r#"CMD ["gunicorn","--bind","0.0.0.0:8000","shop.wsgi"]"#],
        &[],
    );
    check(
        &[("app.py", ""), ("requirements.txt", "# none\n")],
        Some(8000),
        &[r#"CMD ["python","-u","app.py"]"#],
        &["pip install"],
    );
    check(
        &[
            ("requirements.txt", "x"),
            (
                "Procfile",
                "web: gunicorn a:b --bind :$PORT\nworker: python w.py",
            ),
        ],
        None,
        &[r#"CMD ["sh","-c","exec python w.py"]"#],
        &["EXPOSE"],
    );
}

#[test]
fn a_folder_of_pages_is_served_as_it_is() {
    check(
        &[("index.html", "")],
        Some(8080),
        &["COPY . /usr/share/nginx/html/", "EXPOSE 8080"],
        &["index.html; }"],
    );
    check(
        &[("public/index.html", "")],
        Some(80),
        &["COPY public /usr/share/nginx/html/"],
        &[],
    );
}

#[test]
fn what_is_not_recognised_says_what_was_looked_for() {
    assert_eq!(
        generate(&evidence(&[("main.c", "")]), None),
        Err(Undetected::Unknown)
    );
    assert!(matches!(
        generate(&evidence(&[("package.json", "{}")]), None),
        Err(Undetected::NoStart { .. })
    ));
    assert!(matches!(
        generate(&evidence(&[("package.json", "{")]), None),
        Err(Undetected::Malformed { .. })
    ));
}

#[test]
fn only_whole_parts_of_a_path_are_left_out() {
    assert!(is_left_out("node_modules/a/b.js"));
    assert!(is_left_out("sub/.env"));
    assert!(!is_left_out("sub/.env.example"));
    assert!(!is_left_out("my_node_modules/x"));
}

proptest! {
    #[test]
    fn no_text_of_a_file_adds_an_instruction(
        main in "[ -~\n]{0,40}", node in "[ -~\n]{0,20}", start in "[ -~\n]{0,40}"
    ) {
        let package = serde_json::json!({
            "main": main, "engines": {"node": node}, "scripts": {"start": start}
        });
        let evidence = evidence(&[
            ("package.json", &package.to_string()), (&main, ""), ("server.js", ""), (".nvmrc", &node),
        ]);
        let generated = generate(&evidence, Some(1)).unwrap();
        for line in generated.dockerfile.lines() {
            let known = ["FROM node:", "WORKDIR /app", "ENV ", "COPY ", "EXPOSE 1", "USER node", "CMD ["];
            prop_assert!(line.is_empty() || known.iter().any(|start| line.starts_with(start)), "{}", line);
        }
    }
}
