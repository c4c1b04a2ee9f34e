import PetProStorage

enum ProductSchema {
    static let migrations = [
        Migration(
            "product-1",
            """
            CREATE TABLE products (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                vendor_id INTEGER NOT NULL,
                sku TEXT NOT NULL,
                name TEXT NOT NULL,
                price TEXT NOT NULL,
                species TEXT NOT NULL,
                status TEXT NOT NULL,
                UNIQUE (vendor_id, sku)
            );
            CREATE TABLE inventory (
                product_id INTEGER PRIMARY KEY REFERENCES products (id),
                quantity INTEGER NOT NULL CHECK (quantity >= 0),
                reserved INTEGER NOT NULL CHECK (reserved >= 0 AND reserved <= quantity),
                threshold INTEGER NOT NULL,
                version INTEGER NOT NULL,
                updated_at INTEGER NOT NULL
            );
            CREATE TABLE reservations (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                product_id INTEGER NOT NULL REFERENCES products (id),
                customer_id INTEGER,
                quantity INTEGER NOT NULL,
                status TEXT NOT NULL,
                expires_at INTEGER NOT NULL
            );
            CREATE INDEX reservations_held ON reservations (expires_at) WHERE status = 'held';
            CREATE TABLE inventory_changes (
                seq INTEGER PRIMARY KEY AUTOINCREMENT,
                product_id INTEGER NOT NULL,
                version INTEGER NOT NULL,
                reason TEXT NOT NULL,
                before TEXT NOT NULL,
                after TEXT NOT NULL,
                at INTEGER NOT NULL,
                actor TEXT NOT NULL
            );
            CREATE TABLE store (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                epoch TEXT NOT NULL
            );
            """),
        // A product with a negative price, or one over the limit, is discontinued. A price in another currency than the
        // vendor's cannot be recognized here, so such products stay. Texts over today's limits are shortened.
        Migration(
            "product-2",
            """
            UPDATE products SET status = 'discontinued'
                WHERE json_extract(price, '$.amountMinor') NOT BETWEEN 0 AND 1000000000000;
            UPDATE products SET name = substr(name, 1, 120) WHERE length(name) > 120;
            UPDATE products SET sku = substr(sku, 1, 40) || '-' || id WHERE length(sku) > 64;
            CREATE INDEX products_vendor ON products (vendor_id, id);
            CREATE INDEX products_status ON products (status, id);
            CREATE INDEX reservations_customer ON reservations (customer_id) WHERE status = 'held';
            INSERT INTO store_kind (id, kind)
                SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM products WHERE id = 9001 AND sku = 'KIB-SAL-2')
                    THEN 'demo' ELSE 'live' END
                WHERE EXISTS (SELECT 1 FROM products);
            """),
        // Finds all reservations of a person who is erased.
        Migration(
            "product-3",
            """
            CREATE INDEX reservations_person ON reservations (customer_id) WHERE customer_id IS NOT NULL;
            """),
        // Finds the changes to delete.
        Migration("product-4", "CREATE INDEX inventory_changes_age ON inventory_changes (at)"),
    ]
}
