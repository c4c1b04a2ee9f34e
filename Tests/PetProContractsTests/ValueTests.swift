import PetProContracts
import Rookery
import Testing

@Message
private struct Offer {
    var price: Money
    var opens: LocalTime?
    var zone: TimeZoneName?
}

private func violations(_ json: String) -> [String] {
    do {
        _ = try Offer.decode(json: json)
        return []
    } catch let error as InvalidPayload {
        return error.violations.map { "\($0.path):\($0.constraint)" }
    } catch {
        return ["\(error)"]
    }
}

@Suite("Money")
struct MoneyTests {
    @Test("knows the decimals of its currency")
    func description() {
        #expect("\(Money(amountMinor: 4805, currency: .usd))" == "48.05 USD")
        #expect("\(Money(amountMinor: -5, currency: .eur))" == "-0.05 EUR")
        #expect("\(Money(amountMinor: 900, currency: .jpy))" == "900 JPY")
        #expect("\(Money(amountMinor: .min, currency: .usd))" == "-92233720368547758.08 USD")
    }

    @Test("is an amount from 0 to the most that a price may be, in a currency there is")
    func bounds() {
        #expect(violations(#"{"price":{"amountMinor":4800,"currency":"EUR"}}"#).isEmpty)
        for amount in [-1, Price.range.upperBound + 1, .max] {
            #expect(
                violations(#"{"price":{"amountMinor":\#(amount),"currency":"EUR"}}"#) == ["price.amountMinor:range"])
        }
        #expect(violations(#"{"price":{"amountMinor":1,"currency":"XXX"}}"#) == ["price.currency:enum"])
    }
}

@Suite("A time of day")
struct LocalTimeTests {
    @Test(
        "is HH:mm, up to 24:00",
        arguments: [
            ("00:00", 0), ("09:30", 570), ("24:00", 1440), ("24:01", nil), ("9:30", nil), ("09:60", nil),
            ("-1:00", nil),
            ("09:3", nil), ("09:300", nil), ("", nil), ("0９:30", nil),
        ] as [(String, Int?)])
    func localTime(_ text: String, _ minutes: Int?) {
        #expect(LocalTime(text)?.minutes == minutes)
        let wrong = violations(#"{"price":{"amountMinor":1,"currency":"EUR"},"opens":"\#(text)"}"#)
        #expect(wrong == (minutes == nil ? ["opens:time"] : []))
        if minutes != nil { #expect(LocalTime(text)?.description == text) }
    }
}

@Suite("The name of a time zone")
struct TimeZoneNameTests {
    @Test(
        "is one of the IANA database, or UTC", arguments: ["Europe/Berlin", "UTC", "CET", "GMT+1", "Nowhere/Else", ""])
    func names(_ name: String) {
        let wrong = violations(#"{"price":{"amountMinor":1,"currency":"EUR"},"zone":"\#(name)"}"#)
        #expect(wrong == (["Europe/Berlin", "UTC"].contains(name) ? [] : ["zone:timeZone"]))
    }
}

@Suite("The contracts")
struct ContractTests {
    private static let all = [
        AuthAPIContract.descriptor, BookingAPIContract.descriptor, VendorAPIContract.descriptor,
        ProductAPIContract.descriptor,
    ]

    @Test("say of every command what it does and with what it refuses", arguments: all)
    func described(_ contract: ContractDescriptor) {
        #expect(!contract.commands.isEmpty && contract.documentation != nil)
        for command in contract.commands where command.kind != .event {
            #expect(command.documentation != nil, "\(command.name)")
            #expect(command.errors != nil, "\(command.name)")
        }
    }
}

@Suite("A rule over several members")
struct WholeRuleTests {
    private func violations<Value: MessageValue>(_: Value.Type, _ json: String) throws -> [String] {
        do {
            _ = try Value.decode(json: json)
            return []
        } catch let error as InvalidPayload {
            return error.violations.map { "\($0.path):\($0.constraint)" }
        }
    }

    @Test("is checked with the members' own rules, and named by its place")
    func rules() throws {
        #expect(try violations(GetVendorAvailability.self, #"{"vendorId":1}"#) == ["date:required"])
        #expect(try violations(GetVendorAvailability.self, #"{"vendorId":0}"#) == ["vendorId:range", "date:required"])
        #expect(try violations(GetVendorAvailability.self, #"{"vendorId":1,"date":"2027-01-01"}"#).isEmpty)
        #expect(try violations(WatchInventoryChanges.self, "{}") == ["vendorId:exclusive"])
        #expect(
            try violations(WatchInventoryChanges.self, #"{"vendorId":1,"productIds":[1]}"#) == ["vendorId:exclusive"])
        #expect(try violations(WatchInventoryChanges.self, #"{"vendorId":1}"#).isEmpty)
    }
}
