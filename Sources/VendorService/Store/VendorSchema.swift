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
            """, postgres: ""),
        // email was a copy of the account's address when the vendor gave none, and a copy cannot be recognized. So no
        // old address is shown until its vendor sets one. Durations and buffers are rounded up to multiples of five
        // minutes. Bookings keep their durations. A service with a price over the limit is no longer offered. Texts
        // over today's limits are shortened.
        Migration(
            "vendor-2",
            """
            CREATE TABLE new_vendors (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                user_id INTEGER NOT NULL UNIQUE,
                registration TEXT,
                business_name TEXT NOT NULL,
                type TEXT NOT NULL,
                email TEXT,
                former_email TEXT,
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
            INSERT INTO new_vendors (id, user_id, business_name, type, former_email, phone, address, time_zone, currency,
                    capacity, lead_time_minutes, horizon_days, status, version)
                SELECT id, user_id, business_name, type, email, phone, address, time_zone, currency, capacity,
                    lead_time_minutes, horizon_days, status, version FROM vendors;
            UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'vendors')
                WHERE name = 'new_vendors' AND EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'vendors');
            INSERT INTO store_kind (id, kind)
                SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM vendors WHERE email = 'marigold@petpro.example')
                    THEN 'demo' ELSE 'live' END
                WHERE EXISTS (SELECT 1 FROM vendors);
            DROP TABLE vendors;
            ALTER TABLE new_vendors RENAME TO vendors;
            CREATE INDEX vendors_status ON vendors (status, id);
            CREATE INDEX vendors_type ON vendors (type, id);
            UPDATE vendors SET business_name = substr(business_name, 1, 120), phone = substr(phone, 1, 40),
                    address = substr(address, 1, 300)
                WHERE length(business_name) > 120 OR length(phone) > 40 OR length(address) > 300;
            UPDATE services SET name = substr(name, 1, 120) WHERE length(name) > 120;
            UPDATE special_days SET note = substr(note, 1, 200) WHERE length(note) > 200;
            UPDATE services SET active = 0 WHERE json_extract(price, '$.amountMinor') > 1000000000000;
            UPDATE services SET duration_minutes = (duration_minutes + 4) / 5 * 5, buffer_minutes = (buffer_minutes + 4) / 5 * 5
                WHERE duration_minutes % 5 <> 0 OR buffer_minutes % 5 <> 0;
            CREATE TABLE gone_accounts (
                user_id INTEGER PRIMARY KEY,
                deleted_at INTEGER NOT NULL
            );
            CREATE INDEX gone_accounts_age ON gone_accounts (deleted_at);
            """, postgres: ""),
        // The index returns the hours in the order in which they are read.
        Migration(
            "vendor-3",
            """
            DROP INDEX hours_vendor;
            CREATE INDEX hours_vendor ON hours (vendor_id, weekday, open, close);
            """, postgres: ""),
        // The service does not read former_email, which is personal data. The receipts of erasures say which accounts are gone.
        Migration(
            "vendor-4",
            """
            ALTER TABLE vendors DROP COLUMN former_email;
            INSERT INTO erasures (subject, erased_at) SELECT user_id, deleted_at FROM gone_accounts;
            DROP TABLE gone_accounts;
            """,
            postgres: """
                            CREATE TABLE vendors (
                    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                    user_id BIGINT NOT NULL UNIQUE,
                    registration BYTEA,
                    business_name BYTEA NOT NULL,
                    type TEXT NOT NULL,
                    email BYTEA,
                    phone BYTEA,
                    address BYTEA,
                    time_zone TEXT NOT NULL,
                    currency TEXT NOT NULL,
                    capacity BIGINT NOT NULL CHECK (capacity BETWEEN 1 AND 200),
                    lead_time_minutes BIGINT NOT NULL,
                    horizon_days BIGINT NOT NULL,
                    status TEXT NOT NULL,
                    version BIGINT NOT NULL DEFAULT 1,
                    rowid BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE
                );
                CREATE INDEX vendors_status ON vendors (status, id);
                CREATE INDEX vendors_type ON vendors (type, id);
                CREATE TABLE services (
                    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                    vendor_id BIGINT NOT NULL REFERENCES vendors (id),
                    name TEXT NOT NULL,
                    duration_minutes BIGINT NOT NULL CHECK (duration_minutes BETWEEN 5 AND 720),
                    price TEXT NOT NULL,
                    species TEXT NOT NULL,
                    buffer_minutes BIGINT NOT NULL,
                    active BIGINT NOT NULL
                );
                CREATE INDEX services_vendor ON services (vendor_id);
                CREATE TABLE hours (
                    vendor_id BIGINT NOT NULL REFERENCES vendors (id),
                    weekday BIGINT NOT NULL,
                    open TEXT NOT NULL,
                    close TEXT NOT NULL
                );
                CREATE INDEX hours_vendor ON hours (vendor_id, weekday, open, close);
                CREATE TABLE special_days (
                    vendor_id BIGINT NOT NULL REFERENCES vendors (id),
                    date TEXT NOT NULL,
                    closed BIGINT NOT NULL,
                    open TEXT,
                    close TEXT,
                    note BYTEA,
                    rowid BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
                    PRIMARY KEY (vendor_id, date)
                );
                CREATE TABLE agenda (
                    booking_id BIGINT PRIMARY KEY,
                    vendor_id BIGINT NOT NULL,
                    service_id BIGINT NOT NULL,
                    start_at BIGINT NOT NULL,
                    end_at BIGINT NOT NULL,
                    status TEXT NOT NULL
                );
                CREATE INDEX agenda_vendor ON agenda (vendor_id, start_at);
                """),
        // Special days of past years are deleted, by the beginning of the day in UTC.
        Migration(
            "vendor-5",
            """
            ALTER TABLE special_days ADD COLUMN starts_at INTEGER NOT NULL DEFAULT 0;
            UPDATE special_days SET starts_at = CAST(strftime('%s', date) AS INTEGER) * 1000;
            CREATE INDEX special_days_age ON special_days (starts_at);
            """,
            postgres: """
                ALTER TABLE special_days ADD COLUMN starts_at BIGINT NOT NULL DEFAULT 0;
                UPDATE special_days SET starts_at = EXTRACT(EPOCH FROM date::date)::BIGINT * 1000;
                CREATE INDEX special_days_age ON special_days (starts_at);
                """),
    ]

    static let vendors = SealedTable(
        "vendors", subject: "user_id", columns: ["business_name", "email", "phone", "address", "registration"])
    static let specialDays = SealedTable(
        "special_days", key: ["vendor_id", "date"],
        subject: "(SELECT user_id FROM vendors WHERE vendors.id = special_days.vendor_id)", columns: ["note"])
}
