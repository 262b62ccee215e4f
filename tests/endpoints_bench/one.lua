-- The same request again and again.
local headers = {
  ["Accept-Encoding"] = "br",
  ["CF-IPCountry"] = "DE",
  ["Content-Type"] = "text/plain",
  ["Origin"] = "https://summit.example",
  ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64)",
}
if os.getenv("ETAG") ~= "" then headers["If-None-Match"] = os.getenv("ETAG") end
local body = os.getenv("BODY")
if body == "" then
  body = nil
  headers["Origin"] = nil
end

function request()
  return wrk.format(os.getenv("METHOD"), os.getenv("TARGET"), headers, body)
end
