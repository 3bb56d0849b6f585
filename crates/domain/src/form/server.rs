//! A server: rented, or set up by somebody and added; and the base snapshot that others boot from.

use super::{Choice, Field, FieldError, FieldKind, Form, Reader, Values};
use crate::{
    name::Name,
    server::{is_address, is_login, is_tag},
};

/// What an account can rent, ready to be chosen from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offered {
    /// Regions, and the sizes that can be had in each, the cheapest first.
    pub regions: Vec<(Choice, Vec<Choice>)>,
    /// What a server can boot from, the recommended first.
    pub images: Vec<Choice>,
}

/// What somebody wants to rent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Its name.
    pub name: Name,
    /// Region slug.
    pub region: String,
    /// Size slug.
    pub size: String,
    /// What it boots from.
    pub image: WishedImage,
    /// Tags besides the ones that mark it as ours.
    pub tags: Vec<String>,
    /// TCP ports that are open besides 22, 80 and 443.
    pub open_ports: Vec<u16>,
}

/// What a server boots from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WishedImage {
    /// The current base snapshot where there is one, else the stock image.
    Base,
    /// An image of the provider, by its slug.
    Stock(String),
    /// A snapshot, by the provider's id.
    Snapshot(String),
}

/// A server that somebody set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Its name.
    pub name: Name,
    /// IP address or DNS name.
    pub host: String,
    /// TCP port of SSH.
    pub port: u16,
    /// Login.
    pub user: String,
    /// `socks5h://…` proxy, where the server is not routable from here.
    pub proxy: Option<String>,
}

/// What is asked for a new server.
pub fn form(offered: &Offered) -> Form {
    let mut fields = vec![
        Field::new("name", "Name", FieldKind::Text)
            .help(
                "Lower-case letters, digits and dashes. The machine is called so at its provider.",
            )
            .example("web-1")
            .required(),
    ];
    fields.extend(place(offered));
    fields.push(
        Field::new(
            "image",
            "Boots from",
            FieldKind::Choice {
                options: offered.images.clone(),
            },
        )
        .required(),
    );
    fields.push(
        Field::new("open_ports", "Further open ports", FieldKind::List)
            .help("TCP ports, one a line. 22, 80 and 443 are open; everything else is dropped.")
            .example("25565")
            .group("Firewall and tags"),
    );
    fields.push(
        Field::new("tags", "Tags", FieldKind::List)
            .help("One a line, for your own order at the provider.")
            .example("team:shop")
            .group("Firewall and tags"),
    );
    Form::new("server", fields)
}

/// The region, and the sizes of whichever is chosen.
fn place(offered: &Offered) -> Vec<Field> {
    let regions = offered.regions.iter().map(|(region, _)| region.clone());
    let region = FieldKind::Choice {
        options: regions.collect(),
    };
    let mut fields = vec![
        Field::new("region", "Region", region)
            .help("Near those who will use what runs on it.")
            .required(),
    ];
    for (region, sizes) in &offered.regions {
        let kind = FieldKind::Choice {
            options: sizes.clone(),
        };
        fields.push(
            Field::new(&size_field(&region.value), "Size", kind)
                .when("region", &[&region.value])
                .required(),
        );
    }
    fields
}

fn size_field(region: &str) -> String {
    format!("size_{region}")
}

/// What a form begins with: the first region that has sizes, in each the cheapest, the recommended
/// image.
pub fn blank(offered: &Offered) -> Values {
    let mut values = Values::default();
    for (region, sizes) in offered.regions.iter().rev() {
        if let Some(cheapest) = sizes.first() {
            values.set(&size_field(&region.value), cheapest.value.clone());
            values.set("region", region.value.clone());
        }
    }
    if let Some(image) = offered.images.first() {
        values.set("image", image.value.clone());
    }
    values
}

/// What of a place can be known without asking the provider.
fn any_place(values: &Values) -> Vec<Field> {
    let region = values.get("region");
    vec![
        Field::new("region", "Region", FieldKind::Text).required(),
        Field::new(&size_field(region), "Size", FieldKind::Text)
            .when("region", &[region])
            .required(),
    ]
}

fn read_place(reader: &mut Reader) -> Option<(String, String)> {
    let region = reader.text("region").to_owned();
    let size = reader.text(&size_field(&region)).to_owned();
    (!region.is_empty() && !size.is_empty()).then_some((region, size))
}

/// Reads it. What the provider has is the engine's to know, when it plans.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read(values: &Values) -> Result<Wish, Vec<FieldError>> {
    let mut fields = vec![Field::new("name", "Name", FieldKind::Text).required()];
    fields.extend(any_place(values));
    fields.push(Field::new("image", "Boots from", FieldKind::Text).required());
    fields.push(Field::new(
        "open_ports",
        "Further open ports",
        FieldKind::List,
    ));
    fields.push(Field::new("tags", "Tags", FieldKind::List));
    let form = Form::new("server", fields);
    let mut reader = Reader::open(&form, values);
    let name = reader.parsed("name", Name::parse(reader.text("name")));
    let place = read_place(&mut reader);
    let image = image_of(reader.text("image"));
    let open_ports = reader.lines("open_ports");
    let open_ports = open_ports
        .iter()
        .map(|line| match line.parse::<u16>() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(format!("“{}” is no port: 1 to 65535", line.escape_debug())),
        })
        .collect::<Result<Vec<_>, _>>();
    let open_ports = reader.parsed("open_ports", open_ports);
    let tags = reader.lines("tags");
    if let Some(tag) = tags.iter().find(|tag| !is_tag(tag)) {
        reader.wrong(
            "tags",
            format!(
                "“{}” cannot be a tag: letters, digits, colons, dashes and underscores only",
                tag.escape_debug()
            ),
        );
    }
    let wish = name.zip(place).zip(image).zip(open_ports);
    reader.finish(
        wish.map(|(((name, (region, size)), image), open_ports)| Wish {
            name,
            region,
            size,
            image,
            tags,
            open_ports,
        }),
    )
}

/// The value by which an image is chosen; read back by [`read`].
pub fn image_value(image: &WishedImage) -> String {
    match image {
        WishedImage::Base => "base".to_owned(),
        WishedImage::Stock(slug) => format!("stock:{slug}"),
        WishedImage::Snapshot(id) => format!("snapshot:{id}"),
    }
}

fn image_of(text: &str) -> Option<WishedImage> {
    match text.split_once(':') {
        Some(("stock", slug)) => Some(WishedImage::Stock(slug.to_owned())),
        Some(("snapshot", id)) => Some(WishedImage::Snapshot(id.to_owned())),
        _ => Some(WishedImage::Base),
    }
}

/// What is asked for a base snapshot: where, and on which size it is made.
pub fn base_form(offered: &Offered) -> Form {
    Form::new("base_snapshot", place(offered))
}

/// Reads where a base snapshot is made: region and size.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read_base(values: &Values) -> Result<(String, String), Vec<FieldError>> {
    let form = Form::new("base_snapshot", any_place(values));
    let mut reader = Reader::open(&form, values);
    let place = read_place(&mut reader);
    reader.finish(place)
}

/// What is asked to add a server that somebody set up.
pub fn add_form() -> Form {
    Form::new(
        "add_server",
        vec![
            Field::new("name", "Name", FieldKind::Text)
                .help("What you call it here: lower-case letters, digits and dashes.")
                .example("office")
                .required(),
            Field::new("host", "Address", FieldKind::Text)
                .help("IP address or DNS name.")
                .example("203.0.113.7")
                .required(),
            Field::new("user", "Login", FieldKind::Text)
                .help("root, or a login that may become root by sudo without a password.")
                .example("root")
                .required(),
            Field::new("port", "SSH port", FieldKind::whole(1, Some(65_535))).required(),
            Field::new("proxy", "Proxy", FieldKind::Text)
                .help("Only where the server cannot be reached from here directly.")
                .example("socks5h://127.0.0.1:1080")
                .group("Way there"),
        ],
    )
}

/// What that form begins with.
pub fn add_blank() -> Values {
    Values::from_iter([("user", "root"), ("port", "22")])
}

/// Reads where a server is that somebody set up.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read_add(values: &Values) -> Result<Address, Vec<FieldError>> {
    let form = add_form();
    let mut reader = Reader::open(&form, values);
    let name = reader.parsed("name", Name::parse(reader.text("name")));
    let host = reader.text("host");
    if !host.is_empty() && !is_address(host) {
        reader.wrong("host", "an IP address or a DNS name is needed");
    }
    let user = reader.text("user");
    if !user.is_empty() && !is_login(user) {
        reader.wrong("user", "this cannot be a login");
    }
    let port = reader.number::<u16>("port");
    let proxy = reader.text("proxy");
    if !proxy.is_empty() && !proxy.starts_with("socks5h://") {
        reader.wrong("proxy", "it begins with socks5h://");
    }
    let address = name.zip(port).map(|(name, port)| Address {
        name,
        host: host.to_owned(),
        port,
        user: user.to_owned(),
        proxy: (!proxy.is_empty()).then(|| proxy.to_owned()),
    });
    reader.finish(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered() -> Offered {
        let choice = |value: &str| Choice::new(value, value, "");
        Offered {
            regions: vec![
                (choice("mars1"), vec![]),
                (choice("fra1"), vec![choice("small"), choice("large")]),
                (choice("nyc1"), vec![choice("large")]),
            ],
            images: vec![choice("base"), choice("stock:debian-12-x64")],
        }
    }

    fn fields(errors: Vec<FieldError>) -> Vec<String> {
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_new_server_begins_where_something_can_be_had() {
        let mut values = blank(&offered());
        values.set("name", "web-1");
        let wish = read(&values).unwrap();
        assert_eq!(
            (wish.region.as_str(), wish.size.as_str()),
            ("fra1", "small")
        );
        assert_eq!(wish.image, WishedImage::Base);
        values.set("region", "nyc1");
        assert_eq!(read(&values).unwrap().size, "large");
        assert_eq!(
            read_base(&values).unwrap(),
            ("nyc1".to_owned(), "large".to_owned())
        );
    }

    #[test]
    fn only_sizes_of_the_chosen_region_are_asked() {
        let (form, values) = (form(&offered()), blank(&offered()));
        let shown = |name: &str| form.is_shown(form.field(name).unwrap(), &values);
        assert!(shown("size_fra1") && !shown("size_nyc1"));
    }

    #[test]
    fn ports_and_tags_are_checked_beside_their_fields() {
        let mut values = blank(&offered());
        values.set("name", "Web 1");
        values.set("open_ports", "25565\n70000");
        values.set("tags", "team:shop\nnot a tag");
        assert_eq!(
            fields(read(&values).unwrap_err()),
            ["name", "open_ports", "tags"]
        );
        values.set("region", "");
        assert!(fields(read(&values).unwrap_err()).contains(&"region".to_owned()));
    }

    #[test]
    fn every_image_reads_back() {
        for image in [
            WishedImage::Base,
            WishedImage::Stock("debian-12-x64".to_owned()),
            WishedImage::Snapshot("178".to_owned()),
        ] {
            assert_eq!(image_of(&image_value(&image)), Some(image));
        }
    }

    #[test]
    fn an_added_server_needs_an_address_and_a_login_that_can_be() {
        let mut values = add_blank();
        values.set("name", "office");
        values.set("host", "203.0.113.7");
        let address = read_add(&values).unwrap();
        assert_eq!((address.port, address.user.as_str()), (22, "root"));
        values.set("host", "-oProxyCommand=x");
        values.set("user", "a b");
        values.set("port", "0");
        values.set("proxy", "http://x");
        assert_eq!(
            fields(read_add(&values).unwrap_err()),
            ["port", "host", "user", "proxy"]
        );
    }
}
