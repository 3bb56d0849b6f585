//! Facts about nginx.

use crate::{
    Fact,
    stage::{ADDRESS, Stage, key, run},
    traffic::Traffic,
};
use plimsoll_protocol::{RemoveService, Request, SetSite, SiteSet};
use std::{fs, thread, time::Duration};

pub const FACTS: &[Fact] = &[
    (
        "a_site_answers_with_its_certificate_and_refuses_other_names",
        a_site_answers_with_its_certificate_and_refuses_other_names,
    ),
    (
        "no_request_is_lost_when_sites_come_and_go",
        no_request_is_lost_when_sites_come_and_go,
    ),
];

fn certificate(stage: &Stage, host: &str) -> (String, Vec<u8>) {
    let at = |name: &str| stage.folder.join(name).display().to_string();
    let subject = format!("/CN={host}");
    let name = format!("subjectAltName=DNS:{host}");
    run(&[
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        &at("test.key"),
        "-out",
        &at("test.pem"),
        "-subj",
        &subject,
        "-addext",
        &name,
    ])
    .expect("openssl is installed");
    let chain = fs::read_to_string(at("test.pem")).unwrap();
    (chain, fs::read(at("test.key")).unwrap())
}

fn set(
    stage: &Stage,
    service: &str,
    hosts: &[&str],
    tls: Option<(String, Vec<u8>)>,
) -> crate::stage::Answer {
    let (chain, key_pem) = match tls {
        Some((chain, key)) => (Some(chain), key),
        None => (None, Vec::new()),
    };
    let request = SetSite {
        key: key(service),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        chain_pem: chain,
    };
    stage.ask(Request::SetSite(request), &key_pem)
}

fn a_site_answers_with_its_certificate_and_refuses_other_names(stage: &mut Stage) {
    let image = stage.application("web");
    stage.deploy_version("web", &image, "secure");
    let tls = certificate(stage, "shop.test");
    assert!(
        set(stage, "web", &["shop.test"], Some(tls.clone()))
            .as_::<SiteSet>()
            .changed
    );
    assert!(
        !set(stage, "web", &["shop.test"], Some(tls.clone()))
            .as_::<SiteSet>()
            .changed
    );
    let pem = stage.folder.join("test.pem").display().to_string();
    let ask = |more: &[&str], url: &str| {
        let resolve = [443, 80].map(|port| format!("shop.test:{port}:{ADDRESS}"));
        let other = format!("other.test:443:{ADDRESS}");
        let mut argv = vec![
            "curl",
            "-s",
            "-m",
            "5",
            "--cacert",
            &pem,
            "--resolve",
            &resolve[0],
            "--resolve",
            &resolve[1],
            "--resolve",
            &other,
        ];
        argv.extend(more);
        argv.push(url);
        run(&argv)
    };
    assert_eq!(ask(&[], "https://shop.test/").as_deref(), Some("secure "));
    let version = ask(
        &["-o", "/dev/null", "-w", "%{http_version}"],
        "https://shop.test/",
    );
    assert_eq!(version.as_deref(), Some("2"));
    let redirect = ask(
        &["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"],
        "http://shop.test/a?b=c",
    );
    assert_eq!(redirect.as_deref(), Some("308 https://shop.test/a?b=c"));
    assert_eq!(ask(&["-k"], "https://other.test/"), None);
    let url = format!("http://{ADDRESS}/");
    assert_eq!(
        run(&["curl", "-s", "-m", "5", "-H", "Host: other.test", &url]),
        None
    );
    // What nginx refuses changes nothing.
    let (chain, _) = tls.clone();
    let failure = set(
        stage,
        "web",
        &["shop.test"],
        Some((chain, b"no key".to_vec())),
    )
    .failure();
    assert_eq!(failure.code, "nginx_refused", "{failure:#?}");
    assert_eq!(ask(&[], "https://shop.test/").as_deref(), Some("secure "));
    for bad in ["a b", "x;}", "$host", "UPPER.test"] {
        assert_eq!(set(stage, "web", &[bad], None).failure().code, "bad_host");
    }
    let key_file = stage
        .folder
        .join("root/etc/nginx/plimsoll/tls/shop.production.web.key");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&key_file).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    stage.application("other");
    assert_eq!(
        set(stage, "other", &["shop.test"], None).failure().code,
        "host_taken"
    );
    assert!(set(stage, "web", &[], None).as_::<SiteSet>().changed);
    assert!(!key_file.exists());
    thread::sleep(Duration::from_millis(500));
    assert_eq!(ask(&["-k"], "https://shop.test/"), None);
    for service in ["other", "web"] {
        let request = RemoveService {
            key: key(service),
            volumes: true,
        };
        stage.ask(Request::RemoveService(request), &[]).as_::<()>();
    }
}

fn no_request_is_lost_when_sites_come_and_go(stage: &mut Stage) {
    let image = stage.application("web");
    stage.deploy_version("web", &image, "0");
    set(stage, "web", &["shop.test"], None).as_::<SiteSet>();
    let traffic = Traffic::start(&format!("{ADDRESS}:80"), "shop.test");
    thread::sleep(Duration::from_secs(1));
    let url = format!("http://{ADDRESS}/");
    for round in 0..4 {
        let host = format!("n{round}.test");
        let hosts = ["shop.test", host.as_str()];
        assert!(set(stage, "web", &hosts, None).as_::<SiteSet>().changed);
        // The new name answers at once, for whoever connects now.
        let header = format!("Host: {host}");
        let answer = run(&["curl", "-s", "-m", "5", "-H", &header, &url]);
        assert_eq!(answer.as_deref(), Some("0 "), "{host}");
        if round == 2 {
            stage.kill_agent();
            stage.start_agent(None);
        }
        thread::sleep(Duration::from_millis(1500));
    }
    let report = traffic.stop();
    eprintln!(
        "{} requests, {} failures",
        report.requests,
        report.failures.len()
    );
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    // With nobody connected, the server's own nginx takes over again and the others end.
    let second = stage.folder.join("root/run/plimsoll/edge");
    stage.wait("the end of every second nginx", || {
        fs::read_dir(&second)
            .unwrap()
            .flatten()
            .all(|one| !one.path().join("nginx.pid").exists())
    });
    let answer = run(&["curl", "-s", "-m", "5", "-H", "Host: n3.test", &url]);
    assert_eq!(answer.as_deref(), Some("0 "));
    let request = RemoveService {
        key: key("web"),
        volumes: true,
    };
    stage.ask(Request::RemoveService(request), &[]).as_::<()>();
}
