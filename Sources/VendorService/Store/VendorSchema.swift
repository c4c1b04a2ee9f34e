import PetProStorage

enum VendorSchema {
    static let migrations = [
        Migration(
            "vendor-1",
            """
            CREATE TABLE vendors (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                user_id INTEGER NOT NULL UNIQUE,
                business_name TEXT NOT NULL,
                type TEXT NOT NULL,
                email TEXT NOT NULL,
                phone TEXT,
                address TEXT,
                time_zone TEXT NOT NULL,
                currency TEXT NOT NULL,
                capacity INTEGER NOT NULL CHECK (capacity BETWEEN 1 AND 200),
                lead_time_minutes INTEGER NOT NULL,
                horizon_days INTEGER NOT NULL,
                status TEXT NOT NULL,
                version INTEGER NOT NULL DEFAULT 1
            );
            CREATE TABLE services (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                vendor_id INTEGER NOT NULL REFERENCES vendors (id),
                name TEXT NOT NULL,
                duration_minutes INTEGER NOT NULL CHECK (duration_minutes BETWEEN 5 AND 720),
                price TEXT NOT NULL,
                species TEXT NOT NULL,
                buffer_minutes INTEGER NOT NULL,
                active INTEGER NOT NULL
            );
            CREATE INDEX services_vendor ON services (vendor_id);
            CREATE TABLE hours (
                vendor_id INTEGER NOT NULL REFERENCES vendors (id),
                weekday INTEGER NOT NULL,
                open TEXT NOT NULL,
                close TEXT NOT NULL
            );
            CREATE INDEX hours_vendor ON hours (vendor_id);
            CREATE TABLE special_days (
                vendor_id INTEGER NOT NULL REFERENCES vendors (id),
                date TEXT NOT NULL,
                closed INTEGER NOT NULL,
                open TEXT,
                close TEXT,
                note TEXT,
                PRIMARY KEY (vendor_id, date)
            );
            CREATE TABLE agenda (
                booking_id INTEGER PRIMARY KEY,
                vendor_id INTEGER NOT NULL,
                service_id INTEGER NOT NULL,
                start_at INTEGER NOT NULL,
                end_at INTEGER NOT NULL,
                status TEXT NOT NULL
            );
            CREATE INDEX agenda_vendor ON agenda (vendor_id, start_at);
            """)
    ]
}
