import Rookery
import RookeryCore
import RookeryWire
import Testing

@Message
private struct Visit {
    @Message
    enum Kind: String {
        case walk, bath
    }

    var id: Int
    var kind: Kind
    var start: Instant
    var isPaid: Bool
    var price: Double?
    var title: String
    @PII(.name) var owner: String
    @Sensitive var pin: String
    var counts: [Int]
    var marks: [String: Int]
    var inner: [Visit]
}

@Suite("A redacted message")
struct RedactionTests {
    private func visit(_ inner: [Visit] = [], counts: [Int] = [1, 2]) -> Visit {
        Visit(
            id: 7, kind: .bath, start: Instant(milliseconds: 0), isPaid: true, price: 1.5, title: "CANARY-title",
            owner: "CANARY-owner", pin: "CANARY-pin", counts: counts, marks: ["CANARY-name": 1], inner: inner)
    }

    private func text(_ value: some MessageValue, _ schema: Schema?) -> String? {
        Redaction.text(of: MessageBody(value), as: schema)
    }

    @Test("has numbers, times and names of its type, and nothing that a person wrote")
    func kinds() throws {
        #expect(
            text(visit(), Schema(of: Visit.self))
                == #"{"id":7,"kind":"bath","start":"1970-01-01T00:00:00.000Z","isPaid":true,"price":1.5,"title":"…","#
                + #""owner":"[personal]","pin":"[secret]","counts":[1,2],"marks":"… 1 members","inner":[]}"#)
    }

    @Test("has only what its schema names, whatever was sent")
    func unknown() {
        let sent: JSONValue = [
            "id": "CANARY-1", "kind": "CANARY-2", "start": "CANARY-3", "isPaid": "CANARY-4", "CANARY-5": 1,
            "counts": ["CANARY-6"], "inner": "CANARY-7", "price": ["CANARY-8": 1],
        ]
        for name in ["Ada", "+4915112345678"] {
            #expect(text(JSONValue.object(["start": .string(name)]), Schema(of: Visit.self)) == #"{"start":"…"}"#)
        }
        let shown = text(sent, Schema(of: Visit.self))
        #expect(
            shown == #"{"id":"…","kind":"…","start":"…","isPaid":"…","price":"…","counts":["…"],"inner":"…"}"#)
        #expect(text(sent, nil) == "\"…\"" && text(RawJSON("[\"CANARY\"]"), Schema(.any)) == "\"…\"")
    }

    @Test("is short and JSON, however large the message is")
    func bounds() throws {
        var deep = visit()
        for _ in 0..<5 { deep = visit([deep, deep], counts: [1, 2]) }
        let shown = try #require(text(deep, Schema(of: Visit.self)))
        #expect(shown.hasPrefix("{") && shown.contains("…"))
        #expect(shown.utf8.count <= Redaction.limit)
        #expect(throws: Never.self) { try JSONValue(parsing: Array(shown.utf8)) }
        let many = text(visit(counts: Array(0..<100)), Schema(of: Visit.self))
        #expect(many?.contains(#""counts":[0,1,2,3,4,5,6,7,"… 92 more"]"#) == true)
        let long = text(Visit.largest, Schema(of: Visit.self))
        #expect(long?.hasSuffix(" bytes\"") == true)
        #expect(Redaction.text(of: MessageBody(Payload.absent), as: Schema(.any)) == nil)
    }
}

extension Visit {
    /// A message that is not read for its text.
    fileprivate static var largest: Visit {
        Visit(
            id: 1, kind: .walk, start: Instant(milliseconds: 0), isPaid: false, price: nil,
            title: String(repeating: "x", count: 70_000), owner: "", pin: "", counts: [], marks: [:], inner: [])
    }
}
