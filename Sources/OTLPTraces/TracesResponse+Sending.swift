import Rookery

extension TracesResponse {
    /// The answer to a request of which `rejected` spans were refused, for a reason.
    package init(rejected: Int, message: String) {
        self.init([], .json, count: 0)
        self.rejected = rejected
        self.message = message
    }

    /// The body of the response. Empty, or an empty object, if no span was refused.
    package func body(_ encoding: ExportSettings.Encoding) -> [UInt8] {
        switch encoding {
        case .json:
            if rejected == 0 { return Array("{}".utf8) }
            let body: JSONValue = [
                "partialSuccess": ["rejectedSpans": .string("\(rejected)"), "errorMessage": .string(message)]
            ]
            return Array(body.jsonText.utf8)
        case .protobuf:
            if rejected == 0 { return [] }
            var writer = ProtobufWriter()
            writer.message(1) { partial in
                partial.integer(1, Int64(rejected))
                partial.bytes(2, message.utf8)
            }
            return writer.bytes
        }
    }
}
