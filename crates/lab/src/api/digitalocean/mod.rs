//! DigitalOcean's API v2, as much of it as deployments need.

mod account;
mod actions;
mod answer;
pub(crate) mod books;
mod catalogue;
mod create;
mod droplets;
mod filtering;
mod firewalls;
mod guard;
mod images;
mod reserved_ips;
mod tags;
mod views;
mod work;

pub(crate) use answer::{DigitalOceanError, nests_lists};
pub(crate) use work::resume;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::state::ApiState;

/// Routes under `/v2`.
pub(crate) fn routes(state: &ApiState) -> Router<ApiState> {
    Router::new()
        .route("/account", get(account::show))
        .route(
            "/account/keys",
            get(account::list_keys).post(account::create_key),
        )
        .route(
            "/account/keys/{key}",
            get(account::show_key)
                .put(account::rename_key)
                .delete(account::delete_key),
        )
        .route("/regions", get(catalogue::list_regions))
        .route("/sizes", get(catalogue::list_sizes))
        .route(
            "/droplets",
            get(droplets::list)
                .post(create::create)
                .delete(droplets::delete_by_tag),
        )
        .route("/droplets/actions", post(actions::start_by_tag))
        .route(
            "/droplets/{id}",
            get(droplets::show).delete(droplets::delete_one),
        )
        .route(
            "/droplets/{id}/actions",
            get(actions::list_of_droplet).post(actions::start),
        )
        .route(
            "/droplets/{id}/actions/{action}",
            get(actions::show_of_droplet),
        )
        .route("/droplets/{id}/snapshots", get(images::list_of_droplet))
        .route("/droplets/{id}/firewalls", get(firewalls::list_of_droplet))
        .route("/actions", get(actions::list))
        .route("/actions/{action}", get(actions::show))
        .route("/images", get(images::list))
        .route(
            "/images/{image}",
            get(images::show)
                .put(images::rename)
                .delete(images::delete_image),
        )
        .route("/snapshots", get(images::list_snapshots))
        .route(
            "/snapshots/{snapshot}",
            get(images::show_snapshot).delete(images::delete_snapshot),
        )
        .route("/tags", get(tags::list).post(tags::create))
        .route("/tags/{tag}", get(tags::show).delete(tags::delete_tag))
        .route(
            "/tags/{tag}/resources",
            post(tags::attach).delete(tags::detach),
        )
        .route("/firewalls", get(firewalls::list).post(firewalls::create))
        .route(
            "/firewalls/{id}",
            get(firewalls::show)
                .put(firewalls::replace)
                .delete(firewalls::delete_one),
        )
        .route(
            "/firewalls/{id}/droplets",
            post(firewalls::add_droplets).delete(firewalls::remove_droplets),
        )
        .route(
            "/firewalls/{id}/tags",
            post(firewalls::add_tags).delete(firewalls::remove_tags),
        )
        .route(
            "/firewalls/{id}/rules",
            post(firewalls::add_rules).delete(firewalls::remove_rules),
        )
        .route(
            "/reserved_ips",
            get(reserved_ips::list).post(reserved_ips::create),
        )
        .route(
            "/reserved_ips/{ip}",
            get(reserved_ips::show).delete(reserved_ips::delete_one),
        )
        .route(
            "/reserved_ips/{ip}/actions",
            get(reserved_ips::list_actions).post(reserved_ips::start),
        )
        .route(
            "/reserved_ips/{ip}/actions/{action}",
            get(reserved_ips::show_action),
        )
        .fallback(answer::unknown_route)
        .method_not_allowed_fallback(answer::unknown_route)
        .layer(from_fn_with_state(state.clone(), guard::guard))
}
