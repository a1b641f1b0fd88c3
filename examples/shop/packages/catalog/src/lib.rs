//! The shop's products and orders, and where they are kept: SQLite or PostgreSQL, by URL.

use std::error::Error;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

/// Something that can be bought.
#[derive(Debug, Serialize)]
pub struct Product {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its price in cents.
    pub cents: i64,
    /// How many were ordered so far.
    pub ordered: i64,
}

/// A wish to buy.
#[derive(Debug, Deserialize)]
pub struct Order {
    /// The product's number.
    pub product: i64,
    /// How many.
    pub quantity: i64,
}

/// Whatever went wrong in the database.
pub type CatalogError = Box<dyn Error + Send + Sync>;

/// The database.
#[derive(Clone)]
pub enum Catalog {
    /// A file.
    Sqlite(Arc<Mutex<rusqlite::Connection>>),
    /// A server.
    Postgres(Arc<tokio_postgres::Client>),
}

const PRODUCTS: &str = "SELECT p.id, p.name, p.cents, CAST(COALESCE(SUM(o.quantity), 0) AS BIGINT)
    FROM products p LEFT JOIN orders o ON o.product = p.id GROUP BY p.id, p.name, p.cents ORDER BY p.id";
const INSERT: &str = "INSERT INTO orders (product, quantity) VALUES ($1, $2)";

impl Catalog {
    /// Opens the database at `url`, which migrations have prepared.
    pub async fn open(url: &str) -> Result<Self, CatalogError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let connection = rusqlite::Connection::open(path)?;
            connection.busy_timeout(std::time::Duration::from_secs(5))?;
            connection.pragma_update(None, "foreign_keys", true)?;
            return Ok(Self::Sqlite(Arc::new(Mutex::new(connection))));
        }
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // The pod is of no use without its database: ending lets the cluster start a new one.
                eprintln!("database connection lost: {error}");
                std::process::exit(1);
            }
        });
        Ok(Self::Postgres(Arc::new(client)))
    }

    /// Every product with its orders so far.
    pub async fn products(&self) -> Result<Vec<Product>, CatalogError> {
        match self {
            Self::Sqlite(connection) => {
                let connection = connection.lock().map_err(|_| "the connection is poisoned")?;
                let mut statement = connection.prepare(PRODUCTS)?;
                let rows = statement.query_map([], |row| {
                    Ok(Product { id: row.get(0)?, name: row.get(1)?, cents: row.get(2)?, ordered: row.get(3)? })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            }
            Self::Postgres(client) => {
                let rows = client.query(PRODUCTS, &[]).await?;
                let product = |row: &tokio_postgres::Row| Product {
                    id: row.get(0),
                    name: row.get(1),
                    cents: row.get(2),
                    ordered: row.get(3),
                };
                Ok(rows.iter().map(product).collect())
            }
        }
    }

    /// Records `order`.
    pub async fn order(&self, order: &Order) -> Result<(), CatalogError> {
        match self {
            Self::Sqlite(connection) => {
                let connection = connection.lock().map_err(|_| "the connection is poisoned")?;
                connection.execute(INSERT, (order.product, order.quantity))?;
            }
            Self::Postgres(client) => {
                client.execute(INSERT, &[&order.product, &order.quantity]).await?;
            }
        }
        Ok(())
    }
}
