//! A database for each test, on one PostgreSQL server that ends with the last of them.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use e2e::postgres::Server;

/// A database of one test on the shared server.
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) server: Arc<Server>,
}

/// A new database, or `None` after saying why there is none; with `CI` set that is a failure.
pub(crate) async fn database() -> Option<Database> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let server = {
        let mut shared = SHARED.lock().unwrap();
        match shared
            .upgrade()
            .map_or_else(|| Server::start(IpAddr::V4(Ipv4Addr::LOCALHOST)).map(Arc::new), Ok)
        {
            Ok(server) => {
                *shared = Arc::downgrade(&server);
                server
            }
            Err(reason) => {
                missing(&format!("no PostgreSQL server: {reason}; install the package postgresql"));
                return None;
            }
        }
    };
    let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    connect(&server.url("postgres")).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    Some(Database { name, server })
}

/// Says that a test did nothing; a failure where everything must be there.
pub(crate) fn missing(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "{reason}");
    eprintln!("NOT RUN: {reason}");
}

/// A plain connection.
pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Database {
    /// `postgres://…` for this database.
    pub(crate) fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// The same for Java.
    pub(crate) fn jdbc(&self) -> String {
        format!("jdbc:postgresql://127.0.0.1:{}/{}", self.server.port(), self.name)
    }

    /// First column of every row, as text; NULL is empty.
    pub(crate) async fn query(&self, sql: &str) -> Vec<String> {
        let messages = connect(&self.url()).await.simple_query(sql).await.unwrap();
        let rows = messages.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        rows.collect()
    }
}
