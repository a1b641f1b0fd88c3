//! One line of launchway.toml moves the shop from its embedded database to a PostgreSQL server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use e2e::{Cluster, edit, http, postgres};

#[test]
fn one_line_switches_the_shop_to_postgresql() {
    let cluster = Cluster::new();
    // The node's address, where pods reach the server, is there once the cluster is.
    cluster.ok(&["cluster", "start"]);
    let server = postgres::Server::start("10.42.0.1".parse().unwrap())
        .unwrap_or_else(|reason| panic!("no PostgreSQL server: {reason}; `cargo xtask test` installs it"));
    let shop = cluster.shop();
    let project = shop.join("launchway.toml");
    edit(&project, "url = \"sqlite:/data/shop.db\"", &format!("url = \"{}\"", server.url("postgres")));
    let directory = shop.to_str().unwrap();

    let up = cluster.ok(&["up", directory]);
    assert!(up.stderr.contains("Applied V1__products.sql"), "{}", up.stderr);
    assert!(!up.stderr.contains(postgres::PASSWORD), "the password is shown: {}", up.stderr);
    assert!(http::get(30080, "/api/products").unwrap().1.contains("Green tea"));
    assert_eq!(http::post(30080, "/api/orders", r#"{"product":1,"quantity":3}"#).unwrap().0, 201);
    assert_eq!(server.query("postgres", "SELECT sum(quantity) FROM orders"), "3");
    let applied = "SELECT count(*) FROM flyway_schema_history WHERE success";
    assert_eq!(server.query("postgres", applied), "2");

    // A broken script stops the rollout with its line and the server's own words; what ran goes on.
    std::fs::write(shop.join("migrations/V3__reviews.sql"), "-- Reviews\nSELECT absent FROM products;\n")
        .unwrap();
    let failed = cluster.run(&["up", directory]);
    assert!(!failed.success);
    assert!(failed.stderr.contains("V3__reviews.sql:2"), "{}", failed.stderr);
    assert!(failed.stderr.contains("column \"absent\" does not exist"), "{}", failed.stderr);
    assert!(http::get(30080, "/api/products").unwrap().1.contains("\"ordered\":3"));
}
