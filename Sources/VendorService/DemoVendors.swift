import PetProContracts
import PetProStorage
import Rookery

extension VendorController {
    private struct DemoVendor: Sendable {
        let vendor: CreateVendor
        let status: VendorStatus
        let hours: [OpeningHours]
        let services: [(name: String, minutes: Int, priceMinor: Int, species: [Species])]
    }

    private static func hours(_ days: ClosedRange<Int>, _ open: String, _ close: String) -> [OpeningHours] {
        guard let open = LocalTime(open), let close = LocalTime(close) else { return [] }
        return days.map { OpeningHours(weekday: $0, open: open, close: close) }
    }

    private static func zone(_ name: String) -> TimeZoneName { TimeZoneName(rawValue: name) ?? .utc }

    private static let demoVendors = [
        DemoVendor(
            vendor: CreateVendor(
                userId: 1, businessName: "Marigold Grooming", type: .grooming, email: "marigold@petpro.example",
                timeZone: zone("America/Los_Angeles"), currency: .usd, capacity: 2),
            status: .active, hours: hours(2...6, "09:00", "17:00"),
            services: [
                ("Bath & Brush", 45, 4800, [.dog, .cat]), ("Full Groom", 90, 8600, [.dog, .cat]),
                ("Nail Trim", 15, 1800, [.dog, .cat, .rabbit]),
            ]),
        DemoVendor(
            vendor: CreateVendor(
                userId: 2, businessName: "Klinik Hewan Melati", type: .veterinary, email: "melati@petpro.example",
                timeZone: zone("Asia/Jakarta"), currency: .idr, capacity: 3),
            status: .active,
            hours: hours(1...4, "08:00", "20:00") + hours(5...5, "08:00", "11:30") + hours(5...5, "13:00", "20:00")
                + hours(6...6, "08:00", "20:00"),
            services: [
                ("Konsultasi", 30, 15_000_000, Species.allCases), ("Vaksin Rabies", 20, 25_000_000, [.dog, .cat]),
            ]),
        DemoVendor(
            vendor: CreateVendor(
                userId: 3, businessName: "Pfotenhof", type: .daycare, email: "pfotenhof@petpro.example",
                timeZone: zone("Europe/Berlin"), currency: .eur, capacity: 12),
            status: .active, hours: hours(1...5, "07:00", "18:30"),
            services: [("Halber Tag", 300, 2200, [.dog]), ("Ganzer Tag", 600, 3600, [.dog])]),
        DemoVendor(
            vendor: CreateVendor(
                userId: 4, businessName: "Quiet Tails Training", type: .training, email: "quiettails@petpro.example",
                timeZone: zone("America/Los_Angeles"), currency: .usd, capacity: 1),
            status: .pendingApproval, hours: hours(1...5, "10:00", "18:00"),
            services: [("First Lesson", 60, 6000, [.dog])]),
    ]

    /// Inserts the demo vendors, if there are no vendors yet.
    public func enterDemoVendors() async throws {
        guard try await database.isEmpty("vendors") else { return }
        try await database.write { transaction in
            guard try !transaction.exists("SELECT 1 FROM vendors LIMIT 1") else { return }
            for demo in Self.demoVendors {
                let id = try transaction.insertVendor(demo.vendor, status: demo.status)
                try transaction.setHours(demo.hours, ofVendor: id)
                for service in demo.services {
                    _ = try transaction.insertService(
                        AddService(
                            vendorId: id, name: service.name, durationMinutes: service.minutes,
                            price: Money(amountMinor: service.priceMinor, currency: demo.vendor.currency),
                            species: service.species))
                }
            }
        }
    }
}
