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
            """)
    ]
}
