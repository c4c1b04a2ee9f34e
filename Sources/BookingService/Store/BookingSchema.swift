import PetProStorage

enum BookingSchema {
    static let migrations = [
        Migration(
            "booking-1",
            """
            CREATE TABLE pets (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                owner_id INTEGER NOT NULL,
                name TEXT NOT NULL,
                species TEXT NOT NULL,
                breed TEXT,
                birth_date TEXT,
                notes TEXT
            );
            CREATE INDEX pets_owner ON pets (owner_id);
            CREATE TABLE bookings (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                reference TEXT NOT NULL UNIQUE,
                customer_id INTEGER NOT NULL,
                vendor_id INTEGER NOT NULL,
                service_id INTEGER NOT NULL,
                pet_id INTEGER NOT NULL REFERENCES pets (id),
                start_at INTEGER NOT NULL,
                end_at INTEGER NOT NULL,
                occupied_until INTEGER NOT NULL,
                service_name TEXT NOT NULL,
                price TEXT NOT NULL,
                duration_minutes INTEGER NOT NULL,
                notes TEXT,
                status TEXT NOT NULL,
                version INTEGER NOT NULL DEFAULT 1,
                cancel TEXT,
                flagged INTEGER NOT NULL DEFAULT 0,
                history TEXT NOT NULL,
                created_at INTEGER NOT NULL
            );
            CREATE INDEX bookings_customer ON bookings (customer_id, id);
            CREATE INDEX bookings_vendor ON bookings (vendor_id, id);
            CREATE INDEX bookings_occupying ON bookings (vendor_id, start_at)
                WHERE status IN ('pending', 'confirmed', 'in_progress');
            CREATE INDEX bookings_pet ON bookings (pet_id, start_at)
                WHERE status IN ('pending', 'confirmed', 'in_progress');
            CREATE INDEX bookings_pending ON bookings (start_at) WHERE status = 'pending';
            """)
    ]
}
