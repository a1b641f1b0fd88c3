CREATE TABLE products (
    id BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    cents BIGINT NOT NULL
);

INSERT INTO products (id, name, cents) VALUES (1, 'Green tea', 490), (2, 'Teapot', 2990), (3, 'Cup', 750);
