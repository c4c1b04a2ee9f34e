import Rookery

@Message
enum ConformanceStatus: String {
    case confirmed
}
