use super::*;
use proptest::{collection::vec, option, prelude::*};

fn argv() -> impl Strategy<Value = Vec<String>> {
    vec(any::<String>(), 0..4)
}

fn probe() -> impl Strategy<Value = Probe> {
    prop_oneof![
        ("/[!-~]{0,20}", vec(100_u16..600, 0..4))
            .prop_map(|(path, statuses)| Probe::Http { path, statuses }),
        Just(Probe::Tcp),
        argv().prop_map(|argv| Probe::Command { argv }),
        Just(Probe::Running),
    ]
}

fn health() -> impl Strategy<Value = HealthCheck> {
    (probe(), 50_u64.., 1_u64.., 1_u64.., 1_u32.., 1_u32..).prop_map(
        |(probe, interval_ms, timeout_ms, start_ms, successes, failures)| HealthCheck {
            probe,
            interval_ms,
            timeout_ms,
            start_ms,
            successes,
            failures,
        },
    )
}

fn build() -> impl Strategy<Value = BuildSpec> {
    let args = vec(("[A-Z_]{1,6}", any::<String>()), 0..3);
    let place = prop_oneof![Just(BuildPlace::Server), Just(BuildPlace::Local)];
    (
        any::<String>(),
        "[a-z0-9é-]{0,8}",
        args,
        place,
        any::<u64>(),
    )
        .prop_map(|(dockerfile, target, args, place, timeout_ms)| BuildSpec {
            dockerfile,
            target,
            args,
            place,
            timeout_ms,
        })
}

fn spec() -> impl Strategy<Value = ServiceSpec> {
    let limits = (
        option::of(6_u64 << 20..),
        option::of(1_u32..),
        option::of(1_u32..),
    )
        .prop_map(|(memory_bytes, cpu_millis, pids)| Limits {
            memory_bytes,
            cpu_millis,
            pids,
        });
    let volumes =
        vec(("[a-z]{1,5}", "/[a-z \r\t\"]{1,6}(/[^/:\0\n]{1,4})?"), 0..3).prop_map(|volumes| {
            volumes
                .into_iter()
                .map(|(name, path)| Volume {
                    name: Name::parse(&name).unwrap(),
                    path,
                })
                .collect()
        });
    let restart = prop_oneof![
        Just(RestartPolicy::Always),
        Just(RestartPolicy::OnFailure),
        Just(RestartPolicy::Never)
    ];
    (
        option::of(1_u16..),
        health(),
        limits,
        volumes,
        argv(),
        argv(),
        restart,
        build(),
        any::<[u64; 3]>(),
    )
        .prop_map(
            |(port, health, limits, volumes, command, release_command, restart, build, times)| {
                ServiceSpec {
                    port,
                    health,
                    limits,
                    volumes,
                    command,
                    release_command,
                    restart,
                    build,
                    drain_ms: times[0],
                    stop_grace_ms: times[1],
                    keep_warm_ms: times[2],
                }
            },
        )
        .prop_filter("only what the engine takes", |spec| spec.check().is_ok())
}

fn source() -> impl Strategy<Value = Source> {
    let reference = prop_oneof![
        Just(GitReference::Default),
        "\\PC{1,12}".prop_map(GitReference::Branch),
        "[0-9a-f]{7,40}".prop_map(GitReference::Commit),
    ];
    prop_oneof![
        "/\\PC{0,20}".prop_map(|path| Source::Folder { path }),
        (
            "(https://|ssh://git@)[a-z]{1,8}\\.test/[a-z/]{0,9}",
            reference,
            "[ a-zé/]{0,9}"
        )
            .prop_map(|(url, reference, folder)| Source::Git {
                url,
                reference,
                folder,
            }),
        "[a-z][a-z0-9./:@-]{0,20}".prop_map(|reference| Source::Image { reference }),
        (1_u32.., "[ a-zé/]{0,9}").prop_map(|(number, folder)| Source::Version { number, folder }),
    ]
    .prop_filter("only what the engine takes", |source| {
        source.check().is_ok()
    })
}

proptest! {
    #[test]
    fn any_valid_service_written_into_the_form_reads_back(source in source(), spec in spec()) {
        let values = write(&source, &spec);
        prop_assert_eq!(read_settings(&values), Ok((source, spec)));
    }

    #[test]
    fn what_the_form_takes_the_engine_takes(changes in vec((0_usize..40, any::<String>()), 1..5)) {
        let mut values = blank();
        values.set("source.path", "/srv/app");
        let names: Vec<String> = settings_form().fields.into_iter().map(|field| field.name).collect();
        for (at, text) in changes {
            values.set(&names[at % names.len()], text);
        }
        if let Ok((source, spec)) = read_settings(&values) {
            prop_assert_eq!(source.check(), Ok(()));
            prop_assert_eq!(spec.check(), Ok(()));
        }
    }
}

fn wrong(changes: &[(&str, &str)]) -> Vec<String> {
    let mut values = blank();
    values.set("name", "web");
    values.set("source.path", "/srv/app");
    for (field, value) in changes {
        values.set(field, *value);
    }
    read(&values)
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|error| error.field)
        .collect()
}

#[test]
fn a_new_service_needs_a_name_and_a_folder_and_nothing_else() {
    let fields: Vec<String> = read(&blank())
        .unwrap_err()
        .into_iter()
        .map(|error| error.field)
        .collect();
    assert_eq!(fields, ["name", "source.path"]);
    assert!(wrong(&[]).is_empty());
}

#[test]
fn each_refusal_stands_beside_its_field() {
    for (field, value) in [
        ("name", "Web"),
        ("source.path", "srv/app"),
        ("port", "0"),
        ("port", "65536"),
        ("health.path", "healthz"),
        ("health.path", "/ü"),
        ("health.statuses", "200, ok"),
        ("health.statuses", "99"),
        ("health.interval_ms", "0.01"),
        ("health.timeout_ms", "0"),
        ("health.start_ms", "0"),
        ("health.start_ms", "soon"),
        ("health.successes", "0"),
        ("health.failures", "0"),
        ("limits.memory", "5"),
        ("limits.cpu", "0"),
        ("limits.cpu", "99999999"),
        ("limits.pids", "0"),
        ("volumes", "data"),
        ("volumes", "data:var"),
        ("volumes", "a:/x\nb:/x"),
        ("command", "\"\""),
        ("release_command", "\"unclosed"),
        ("restart", "sometimes"),
        ("build.dockerfile", "../Dockerfile"),
        ("build.target", "-o"),
        ("build.args", "NAME"),
        ("drain_ms", "-1"),
    ] {
        assert_eq!(wrong(&[(field, value)]), [field], "{field} = {value}");
    }
    for (changes, field) in [
        (
            &[("source", "git"), ("source.url", "ftp://x.test/")][..],
            "source.url",
        ),
        (
            &[
                ("source", "git"),
                ("source.url", "https://x.test/a"),
                ("source.folder", "../b"),
            ][..],
            "source.folder",
        ),
        (
            &[
                ("source", "git"),
                ("source.url", "https://x.test/a"),
                ("source.reference", "branch"),
                ("source.branch", "a b"),
            ][..],
            "source.branch",
        ),
        (
            &[
                ("source", "git"),
                ("source.url", "https://x.test/a"),
                ("source.reference", "commit"),
                ("source.commit", "HEAD"),
            ][..],
            "source.commit",
        ),
        (
            &[("source", "image"), ("source.image", "Not an image")][..],
            "source.image",
        ),
        (&[("serves", "false")][..], "health"),
    ] {
        assert_eq!(wrong(changes), [field], "{changes:?}");
    }
}

#[test]
fn a_refused_repository_with_a_login_does_not_quote_it() {
    let mut values = blank();
    values.set("source", "git");
    values.set("source.url", "https://me:hunter2@x.test/a");
    let errors = read_settings(&values).unwrap_err();
    assert_eq!(errors[0].field, "source.url");
    assert!(!errors[0].message.contains("hunter2"));
}

#[test]
fn a_wrong_build_setting_of_an_image_is_not_in_the_way() {
    let changes = [
        ("source", "image"),
        ("source.image", "nginx:1"),
        ("build.dockerfile", "/abs"),
    ];
    assert!(wrong(&changes).is_empty());
}
