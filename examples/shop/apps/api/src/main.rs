//! The shop's HTTP API: products out of the database, orders into it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use shop_catalog::{Catalog, CatalogError, Order, Product};

#[tokio::main]
async fn main() -> Result<(), CatalogError> {
    let url = std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL is not set")?;
    let catalog = Catalog::open(&url).await?;
    let routes = Router::new()
        .route("/products", get(products))
        .route("/orders", post(order))
        .with_state(catalog);
    Ok(shop_http::serve(routes).await?)
}

async fn products(State(catalog): State<Catalog>) -> Result<Json<Vec<Product>>, (StatusCode, String)> {
    catalog.products().await.map(Json).map_err(failed)
}

async fn order(State(catalog): State<Catalog>, Json(order): Json<Order>) -> Result<StatusCode, (StatusCode, String)> {
    if order.quantity < 1 {
        return Err((StatusCode::BAD_REQUEST, "quantity: must be at least 1\n".to_owned()));
    }
    catalog.order(&order).await.map(|()| StatusCode::CREATED).map_err(failed)
}

fn failed(error: CatalogError) -> (StatusCode, String) {
    eprintln!("database: {error}");
    (StatusCode::INTERNAL_SERVER_ERROR, "the database did not answer as expected\n".to_owned())
}
