-- A new decision of a new visitor with each request.
local n, seed, banner = 0, tonumber(os.getenv("SEED")), os.getenv("BANNER")
local headers = {
  ["Content-Type"] = "text/plain",
  ["Origin"] = "https://summit.example",
  ["CF-IPCountry"] = "DE",
  ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64)",
}

local function id(mark)
  return string.format("%08x-%04x-4000-%s-%012x", seed % 4294967296, n % 65536, mark, n)
end

function request()
  n = n + 1
  local body = '{"id":"' .. id("8000") .. '","visitor":"' .. id("9000") .. '","version":1,'
    .. '"action":"accept_all",'
    .. '"grants":{"preferences":true,"analytics":true,"marketing":true},"language":"en",'
    .. '"banner":"' .. banner .. '","gpc":false}'
  return wrk.format("POST", "/s/summit/decisions", headers, body)
end
