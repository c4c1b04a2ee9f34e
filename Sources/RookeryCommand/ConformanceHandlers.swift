import Rookery

/// The handlers of the NestJS server whose frames were recorded. `Conformance/README.md` lists them.
enum ConformanceHandlers {
    static var routes: [Route] {
        ConformanceAPIContract.service(ConformanceService()).routes + values + failures + streams + patterns + events
    }

    private static func command(
        _ name: String, _ handler: @escaping @Sendable (JSONValue?) async throws -> (any MessageValue)?
    ) -> Route {
        .raw(Pattern(cmd: name), handler)
    }

    private static let echo: @Sendable (JSONValue?) async throws -> (any MessageValue)? = { $0?.asJavaScript }

    private static var values: [Route] {
        [
            command("echo", echo),
            .raw("echo", echo),
            .raw(Pattern("7")) { JSONValue.object(["number": $0?.asJavaScript ?? .null]) },
            command("typed") { data in
                JSONValue.object([
                    "id": data?["id"] ?? .null, "status": "confirmed", "petName": "Žofie 🐶", "vendorId": 7,
                    "startsAt": .string(ConformanceService.startsAt.description), "total": 42.5, "notes": nil,
                    "tags": ["a", "b"], "nested": ["deep": ["ok": true]],
                ])
            },
            command("null") { _ in JSONValue.null },
            command("undefined") { _ in nil },
            command("promise") { data in
                try await Task.sleep(for: .milliseconds(5))
                return JSONValue.object(["later": data?.asJavaScript ?? .null])
            },
            command("never") { _ in
                try await Task.sleep(for: .seconds(86_400))
                return nil
            },
            // Raw JSON text, because a Swift string cannot hold a lone surrogate.
            command("unicode") { _ in
                RawJSON(
                    #"{"cz":"Příliš žluťoučký kůň","emoji":"👩‍👩‍👧‍👦🐶","rtl":"שלום","nul":"a\u0000b","#
                        + #""ctl":"\u0001\u001f"# + "\u{7F}\u{80}" + #"","ls":""# + "\u{2028}\u{2029}"
                        + #"","lone":"\ud83d","slash":"a/b</script>","quote":"\"\\","bom":""# + "\u{FEFF}x\"}")
            },
            command("numbers") { _ in
                JSONValue.array([
                    .double(0), .double(-0.0), 1.0, 1.5, 1e21, 1e-7, 1.2345678901234568e20,
                    9_007_199_254_740_992.0, .double(0.1 + 0.2), -1e-300, .double(.nan), .double(.infinity),
                    true,
                ])
            },
            command("keys-order") { _ in
                JSONValue.object(["b": 1, "a": 2, "10": "x", "2": "y", "ž": 3, "B": 4]).asJavaScript
            },
            command("buffer") { _ in JSONValue.object(["type": "Buffer", "data": [1, 2, 255]]) },
            command("big") { _ in String(repeating: "x", count: 20_480) },
            command("slow") { _ in
                try await Task.sleep(for: .milliseconds(300))
                return "slow"
            },
            command("fast") { _ in "fast" },
            command("mb") { _ in String(repeating: "x", count: 1_048_576) },
            command("meta") { data in
                var metadata = JSONObject()
                for (name, value) in MessageContext.current?.metadata.sorted(by: { $0.key < $1.key }) ?? [] {
                    metadata[name] = .string(value)
                }
                return JSONValue.object([
                    "data": data?.asJavaScript ?? .null, "metadata": metadata.isEmpty ? .null : .object(metadata),
                ])
            },
        ]
    }

    /// An error whose text must not reach the peer.
    private struct Unexpected: Error {}

    private static func failing(_ name: String, _ error: @escaping @Sendable () -> any Error) -> Route {
        command(name) { _ in throw error() }
    }

    private static var failures: [Route] {
        [
            failing("promise-reject") { RemoteError(payload: ["code": "E_ASYNC", "message": "async rejection"]) },
            failing("rpc-string") { RemoteError(message: "plain text") },
            failing("rpc-object") {
                RemoteError(payload: ["status": 409, "message": "vendor unavailable", "details": ["x"]])
            },
            failing("rpc-array") { RemoteError(payload: ["a", 1]) },
            failing("rpc-number") { RemoteError(message: 5) },
            failing("rpc-null") { RemoteError(message: nil) },
            failing("plain-error") { Unexpected() },
            failing("throw-string") { Unexpected() },
            failing("http-exception") { Unexpected() },
            failing("err-obs-error-instance") { RemoteError(payload: ["code": 1]) },
        ]
    }

    // MARK: Streams

    /// Makes a route that streams `values`, each after `pause`. A nil value stands for JavaScript's `undefined`.
    ///
    /// After another `last`, the stream throws `failure` or ends.
    private static func stream(
        _ name: Pattern, _ values: [JSONValue?], pause: Duration? = nil, failure: (any Error & Sendable)? = nil,
        last: Duration? = nil, kind: CommandKind = .stream
    ) -> Route {
        Route(Command(name.route, pattern: name, kind: kind)) { _, sink in
            for (at, value) in values.enumerated() {
                if let pause { try await Task.sleep(for: pause) }
                if value == nil, at == values.count - 1 { return sink.end() }
                try await sink.value(value ?? .null)
            }
            if let last { try await Task.sleep(for: last) }
            if let failure { throw failure }
            sink.endStream()
        }
    }

    private static var streams: [Route] {
        let three: [JSONValue?] = (1...3).map { ["seq": .int($0)] }
        return [
            stream(Pattern(cmd: "stream3"), three),
            stream(Pattern(cmd: "stream3-async"), three, pause: .milliseconds(15)),
            stream(Pattern(cmd: "stream1"), ["only"]),
            stream(Pattern(cmd: "stream-late-end"), [["seq": 1]], last: .milliseconds(20)),
            stream(
                Pattern(cmd: "stream-err"), [1, 2],
                failure: RemoteError(payload: ["code": "MID", "message": "failed after two"])),
            stream(Pattern(cmd: "stream-err-async"), [0, 1], pause: .milliseconds(10), failure: Unexpected()),
            stream(Pattern(cmd: "stream-undefined-values"), [1, nil, .null, 2]),
            stream(Pattern(cmd: "stream-undefined-last"), [1, nil]),
            stream(Pattern(cmd: "empty-obs"), []),
            stream(Pattern(cmd: "empty-obs-async"), [], last: .milliseconds(10)),
        ]
    }

    // MARK: Patterns and events

    private static var patterns: [Route] {
        func text(_ pattern: Pattern, _ answer: String) -> Route { .raw(pattern) { _ in answer } }
        return [
            .raw(Pattern(object: ["b": 2, "a": ["z": 1, "y": "q\"uote\\"]])) { data in
                JSONValue.object(["nestedPattern": data?.asJavaScript ?? .null])
            },
            text(Pattern(object: ["B": 1, "a": 2, "_c": 3, "ž": 4, "10": 5, "2": 6]), "locale-sorted"),
            text(Pattern(object: ["t": true, "n": nil, "f": 1.5]), "scalars"),
            text("multi-a", "multi"),
            text(Pattern(cmd: "multi-b"), "multi"),
            text("true", "string-true"),
            text("null", "string-null"),
            text("1e3", "string-1e3"),
            text("1000", "string-1000"),
            text("line\nbreak", "newline pattern"),
            text(Pattern(cmd: "new\nline"), "newline in object pattern"),
            text("", "empty pattern"),
            text(Pattern(object: [:]), "empty object pattern"),
        ]
    }

    private static var events: [Route] {
        func event(
            _ pattern: Pattern, _ handler: @escaping @Sendable (JSONValue?) async throws -> (any MessageValue)?
        ) -> Route {
            .raw(pattern, isEvent: true, handler)
        }
        return [
            event("booking.created") { _ in nil },
            event(Pattern(object: ["evt": "x", "a": 1])) { _ in nil },
            event("multi.evt") { _ in "first-result" },
            event("multi.evt") { _ in "second-result" },
            event("meta.evt") { _ in nil },
            event("evt.throws") { _ in throw Unexpected() },
            event("evt.returns") { data in JSONValue.object(["returned": data?.asJavaScript ?? .null]) },
            stream("evt.stream", [1, 2], kind: .event),
        ]
    }
}

extension JSONValue {
    /// The value as JavaScript holds it: every number is a double, and integer-like keys come first, ascending.
    var asJavaScript: JSONValue {
        switch self {
        case .null, .bool, .string, .double: return self
        case .int(let value): return .double(Double(value))
        case .uint(let value): return .double(Double(value))
        case .array(let values): return .array(values.map(\.asJavaScript))
        case .object(let object):
            var ordered = JSONObject()
            func isIndex(_ key: String) -> Bool {
                guard let index = UInt32(key), index < .max else { return false }
                return String(index) == key
            }
            let indexed = object.filter { isIndex($0.0) }.sorted { (UInt32($0.0) ?? 0) < (UInt32($1.0) ?? 0) }
            for (key, value) in indexed { ordered[key] = value.asJavaScript }
            for (key, value) in object where !isIndex(key) { ordered[key] = value.asJavaScript }
            return .object(ordered)
        }
    }
}
