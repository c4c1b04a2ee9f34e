public import Foundation
public import Rookery

/// Every kind of member that a message may have.
@Message
public struct Everything: Equatable {
    /// The number of the thing.
    @InRange(1...100) public var id: Int
    @Line(1...20) public var name: String
    @Length(0...10, bytes: 20) public var code: String = "none"
    @Text(0...100) public var notes: String?
    @Email @PII(.email) public var email: String?
    @Matches(/[A-Z]{3}/) public var airport: String?
    @NotBlank @Sensitive public var secret: String
    @MultipleOf(5) public var minutes: Int = 5
    @WholeMinutes(5) public var start: Instant?
    @Items(0...3) @Distinct public var tags: [String] = []
    @WireName("when") public var day: LocalDate?
    @ExplicitNull public var rank: Int?
    public var ratio: Double = 0.5
    public var small: Float = 0.1
    public var flags: [String: Bool] = [:]
    public var key: UUID?
    public var stamp: Date?
    public var bytes: Data?
    public var link: URL?
    public var kind: Kind = .plain
    public var shape: Shape?
    public var anything: JSONValue?
}

/// A raw enum.
@Message
public enum Kind: String, CaseIterable {
    case plain
    case fancy = "very_fancy"
}

/// An enum with payloads.
@Message
public enum Shape: Equatable {
    case circle(radius: Double)
    @WireName("rect") case rectangle(width: Double, height: Double)
}

/// A page of items of any message type.
@Message
public struct Page<Item: MessageValue & Equatable>: Equatable {
    public var items: [Item]
    /// Where the next page begins.
    public var next: Int?
}

@Message
public struct Query {
    public var limit: Int = 10
}

extension RemoteError.Code {
    /// The library has nothing to list.
    public static let empty: Self = "EMPTY"
}

/// Lists everything in pages.
@Contract
public protocol LibraryAPI: Sendable {
    /// Returns one page.
    @MessagePattern(cmd: "list", .safe, timeout: .seconds(2), errors: [.empty])
    @MessagePattern("library.list")
    func list(_ query: Query) async throws -> Page<Everything>

    @MessagePattern(cmd: "digest", .safe, execution: .concurrent)
    func digest(of thing: Everything) async throws -> String

    @MessagePattern(object: ["role": "library", "cmd": "ping"])
    func ping() async throws

    @EventPattern("library.opened")
    func opened(_ query: Query) async throws

    @StreamPattern(cmd: "watch")
    func watch(_ query: Query) async throws -> MessageStream<Shape>
}
