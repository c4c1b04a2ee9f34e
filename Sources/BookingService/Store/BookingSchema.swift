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
            """),
        // Texts over today's limits are shortened. Other old data stays, such as bookings off the grid and owners with
        // more pets than today's limit.
        Migration(
            "booking-2",
            """
            CREATE INDEX bookings_customer_open ON bookings (customer_id)
                WHERE status IN ('pending', 'confirmed', 'in_progress');
            CREATE INDEX bookings_status ON bookings (status, id);
            UPDATE pets SET name = substr(name, 1, 60), breed = substr(breed, 1, 60), notes = substr(notes, 1, 500)
                WHERE length(name) > 60 OR length(breed) > 60 OR length(notes) > 500;
            UPDATE bookings SET notes = substr(notes, 1, 500), service_name = substr(service_name, 1, 120)
                WHERE length(notes) > 500 OR length(service_name) > 120;
            UPDATE bookings SET cancel = json_set(cancel, '$.reason', substr(json_extract(cancel, '$.reason'), 1, 500))
                WHERE cancel IS NOT NULL AND length(json_extract(cancel, '$.reason')) > 500;
            INSERT INTO store_kind (id, kind)
                SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM pets WHERE name = 'Käthe 🐕' AND owner_id = 7)
                    THEN 'demo' ELSE 'live' END
                WHERE EXISTS (SELECT 1 FROM pets);
            """),
        // Occupancy is read from the index alone, and no further back than the vendor's longest booking.
        Migration(
            "booking-3",
            """
            DROP INDEX bookings_occupying;
            CREATE INDEX bookings_occupying ON bookings (vendor_id, start_at, occupied_until)
                WHERE status IN ('pending', 'confirmed', 'in_progress');
            CREATE INDEX bookings_longest ON bookings (vendor_id, occupied_until - start_at)
                WHERE status IN ('pending', 'confirmed', 'in_progress');
            DROP INDEX bookings_pet;
            CREATE INDEX bookings_pet ON bookings (pet_id, start_at, end_at)
                WHERE status IN ('pending', 'confirmed', 'in_progress');
            """),
        // A reason is personal data, which is sealed; who cancelled is not.
        Migration(
            "booking-4",
            """
            ALTER TABLE bookings ADD COLUMN cancelled_by TEXT;
            ALTER TABLE bookings ADD COLUMN cancel_reason TEXT;
            UPDATE bookings SET cancelled_by = json_extract(cancel, '$.by'),
                    cancel_reason = NULLIF(json_extract(cancel, '$.reason'), '')
                WHERE cancel IS NOT NULL;
            ALTER TABLE bookings DROP COLUMN cancel;
            """),
    ]

    static let pets = SealedTable("pets", subject: "owner_id", columns: ["name", "breed", "notes"])
    static let bookings = SealedTable("bookings", subject: "customer_id", columns: ["notes", "cancel_reason"])
}
