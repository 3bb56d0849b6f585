"""A deployment's life cycle with the official clients of DigitalOcean and Cloudflare.

Usage: life_cycle.py STATE_FOLDER

The folder is a running practice cloud's: `running.json` there tells the endpoints and the
certificate authority, `credentials.json` in its API folder the tokens.
"""

import json
import pathlib
import ssl
import sys
import time
import uuid

import cloudflare
import httpx
import pydo
from azure.core.exceptions import HttpResponseError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import NameOID

folder = pathlib.Path(sys.argv[1])
running = json.loads((folder / "running.json").read_text())
api_folder = pathlib.Path(running["api"])
credentials = json.loads((api_folder / "credentials.json").read_text())
tag = f"sdk-{uuid.uuid4().hex[:8]}"


def step(text):
    print(text, flush=True)


def until(what, look, seconds=180):
    """The first true answer of `look`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen in {seconds} s")


def fails(status, act):
    """Makes sure that the client reports an error with this status."""
    try:
        answer = act()
    except HttpResponseError as error:
        assert error.status_code == status, error
        return error
    except cloudflare.APIStatusError as error:
        assert error.status_code == status, error
        return error
    # pydo returns documented errors as if they were answers.
    assert {401: "unauthorized", 404: "not_found"}.get(status) == answer.get("id"), answer
    return answer


# DigitalOcean

ocean = pydo.Client(
    token=credentials["digitalocean_token"],
    endpoint=running["digitalocean_url"],
    connection_verify=running["ca"],
)


def finished(action):
    def look():
        seen = ocean.actions.get(action_id=action["id"])["action"]
        return seen if seen["status"] != "in-progress" else None

    ended = until(f"the end of {action.get('type', action.get('rel'))}", look)
    assert ended["status"] == "completed", ended
    return ended


def act(droplet_id, **body):
    finished(ocean.droplet_actions.post(droplet_id=droplet_id, body=body)["action"])


account = ocean.account.get()["account"]
assert account["status"] == "active" and account["email_verified"], account
stranger = pydo.Client(
    token="dop_v1_" + "0" * 64,
    endpoint=running["digitalocean_url"],
    connection_verify=running["ca"],
)
fails(401, stranger.account.get)
step("the account answers its own token only")

region = next(r for r in ocean.regions.list(per_page=50)["regions"] if r["slug"] == "fra1")
assert region["available"] and "s-1vcpu-1gb" in region["sizes"], region
sizes = {size["slug"]: size for size in ocean.sizes.list(per_page=100)["sizes"]}
assert sizes["s-1vcpu-1gb"]["price_monthly"] == 6, sizes["s-1vcpu-1gb"]
images = ocean.images.list(type="distribution")["images"]
assert any(image["slug"] == "debian-12-x64" for image in images), images
step("regions, sizes with their prices and images are listed")

private_key = ed25519.Ed25519PrivateKey.generate()
public_key = private_key.public_key().public_bytes(
    serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
)
key = ocean.ssh_keys.create(body={"name": tag, "public_key": public_key.decode()})["ssh_key"]
assert ocean.ssh_keys.get(ssh_key_identifier=key["fingerprint"])["ssh_key"]["id"] == key["id"]
step("a key is registered and found by its fingerprint")

order = {
    "name": f"{tag}-web",
    "region": "fra1",
    "size": "s-1vcpu-1gb",
    "image": "debian-12-x64",
    "ssh_keys": [key["id"]],
    "tags": [tag],
    "user_data": "#cloud-config\n",
}
made = ocean.droplets.create(body=order)
assert made["droplet"]["status"] == "new", made
finished(made["links"]["actions"][0])
droplet_id = made["droplet"]["id"]


def public_address(identifier):
    """The droplet, once it is active and its late public address is there."""
    droplet = ocean.droplets.get(droplet_id=identifier).get("droplet")
    if not droplet or droplet["status"] != "active":
        return None
    kinds = {network["type"]: network["ip_address"] for network in droplet["networks"]["v4"]}
    return kinds.get("public")


address = until("a public address", lambda: public_address(droplet_id))
listed = ocean.droplets.list(tag_name=tag)
assert listed["meta"]["total"] == 1 and listed["droplets"][0]["id"] == droplet_id, listed
step(f"a droplet is created, active and reachable under {address}")

firewall = ocean.firewalls.create(
    body={
        "name": tag,
        "tags": [tag],
        "inbound_rules": [
            {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0", "::/0"]}},
            {"protocol": "tcp", "ports": "443", "sources": {"addresses": ["0.0.0.0/0"]}},
        ],
        "outbound_rules": [
            {"protocol": "tcp", "ports": "all", "destinations": {"addresses": ["0.0.0.0/0"]}}
        ],
    }
)["firewall"]
until(
    "the firewall",
    lambda: ocean.firewalls.get(firewall_id=firewall["id"])["firewall"]["status"] == "succeeded",
)
ocean.firewalls.delete(firewall_id=firewall["id"])
step("a firewall goes up and down")

reserved = ocean.reserved_ips.create(body={"region": "fra1"})["reserved_ip"]
assigned = ocean.reserved_ips_actions.post(
    reserved_ip=reserved["ip"], body={"type": "assign", "droplet_id": droplet_id}
)
finished(assigned["action"])
seen = ocean.reserved_ips.get(reserved_ip=reserved["ip"])["reserved_ip"]
assert seen["droplet"]["id"] == droplet_id, seen
released = ocean.reserved_ips_actions.post(
    reserved_ip=reserved["ip"], body={"type": "unassign"}
)
finished(released["action"])
ocean.reserved_ips.delete(reserved_ip=reserved["ip"])
step("a reserved address is assigned and given back")

act(droplet_id, type="power_off")
assert ocean.droplets.get(droplet_id=droplet_id)["droplet"]["status"] == "off"
act(droplet_id, type="power_on")
act(droplet_id, type="snapshot", name=tag)
snapshots = ocean.snapshots.list(resource_type="droplet", per_page=100)["snapshots"]
snapshot = next(snapshot for snapshot in snapshots if snapshot["name"] == tag)
step(f"power is switched and a snapshot of {snapshot['size_gigabytes']} GB taken")

order.update(name=f"{tag}-copy", image=int(snapshot["id"]))
copy = ocean.droplets.create(body=order)
finished(copy["links"]["actions"][0])
until("the copy's address", lambda: public_address(copy["droplet"]["id"]))
act(droplet_id, type="restore", image=int(snapshot["id"]))
assert public_address(droplet_id) == address, "a restored droplet keeps its address"
step("the snapshot boots a second droplet and restores the first")

ocean.droplets.destroy_by_tag(tag_name=tag)
until("their end", lambda: ocean.droplets.list(tag_name=tag)["meta"]["total"] == 0)
ocean.snapshots.delete(snapshot_id=snapshot["id"])
fails(404, lambda: ocean.snapshots.get(snapshot_id=snapshot["id"]))
ocean.ssh_keys.delete(ssh_key_identifier=key["id"])
ocean.tags.delete(tag_id=tag)
step("droplets, snapshot, key and tag are gone")

# Cloudflare

trust = ssl.create_default_context(cafile=running["ca"])
base_url = running["cloudflare_url"] + "/client/v4"


def client(token):
    return cloudflare.Cloudflare(
        api_token=token, base_url=base_url, http_client=httpx.Client(verify=trust)
    )


flare = client(credentials["cloudflare_token"])
assert flare.user.tokens.verify().status == "active"
fails(401, client("x" * 40).user.tokens.verify)
fails(400, client("malformed").user.tokens.verify)
account = next(iter(flare.accounts.list()))
zones = list(flare.zones.list(name=credentials["zone"]))
assert len(zones) == 1 and zones[0].account.id == account.id, zones
zone = zones[0]
step(f"the token is verified and opens the zone {zone.name}")

host = f"{tag}.{zone.name}"
record = flare.dns.records.create(
    zone_id=zone.id, type="A", name=tag, content=address, ttl=1, proxied=True, comment=tag
)
assert record.name == host and record.proxied, record
twin = fails(
    400,
    lambda: flare.dns.records.create(
        zone_id=zone.id, type="A", name=tag, content=address, ttl=1, proxied=True
    ),
)
assert twin.errors[0].code == 81058, twin
found = list(flare.dns.records.list(zone_id=zone.id, comment={"exact": tag}))
assert [seen.id for seen in found] == [record.id], found
found = list(flare.dns.records.list(zone_id=zone.id, name={"endswith": host}, type="A"))
assert [seen.id for seen in found] == [record.id], found
edited = flare.dns.records.edit(
    record.id, zone_id=zone.id, type="A", name=host, ttl=300, proxied=False
)
assert edited.content == address and edited.ttl == 300 and not edited.proxied, edited
replaced = flare.dns.records.update(
    record.id, zone_id=zone.id, type="TXT", name=host, content='"hello"', ttl=60
)
assert replaced.type == "TXT" and not replaced.comment, replaced
flare.dns.records.delete(record.id, zone_id=zone.id)
fails(404, lambda: flare.dns.records.get(record.id, zone_id=zone.id))
step("a record is created, found by its comment, edited, replaced and deleted")

before = flare.zones.settings.get("ssl", zone_id=zone.id).value
flare.zones.settings.edit("ssl", zone_id=zone.id, value="strict")
assert flare.zones.settings.get("ssl", zone_id=zone.id).value == "strict"
flare.zones.settings.edit("ssl", zone_id=zone.id, value=before)
step("the zone's SSL mode is set and set back")

origin_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
request = x509.CertificateSigningRequestBuilder().subject_name(subject)
request = request.sign(origin_key, hashes.SHA256())
hostnames = [host, f"*.{host}"]
certificate = flare.origin_ca_certificates.create(
    csr=request.public_bytes(serialization.Encoding.PEM).decode(),
    hostnames=hostnames,
    request_type="origin-rsa",
    requested_validity=90,
)
leaf = x509.load_pem_x509_certificate(certificate.certificate.encode())
root = x509.load_pem_x509_certificate((api_folder / "origin-ca.pem").read_bytes())
leaf.verify_directly_issued_by(root)
assert leaf.public_key().public_numbers() == origin_key.public_key().public_numbers()
names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
assert names.get_values_for_type(x509.DNSName) == hostnames, names
listed = list(flare.origin_ca_certificates.list(zone_id=zone.id))
assert certificate.id in [seen.id for seen in listed], listed
flare.origin_ca_certificates.delete(certificate.id)
fails(
    400,
    lambda: flare.origin_ca_certificates.create(
        csr=certificate.csr,
        hostnames=["www.example.com"],
        request_type="origin-rsa",
        requested_validity=90,
    ),
)
step("the Origin CA signs for the zone, and for no other")

flare.cache.purge(zone_id=zone.id, purge_everything=True)
step("the cache is purged")
step("the life cycle is complete")
