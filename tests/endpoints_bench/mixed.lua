-- Everything that visitors send, for STORES stores, from many places, and some of what nobody should.
local n, seed, banner = 0, tonumber(os.getenv("SEED")), os.getenv("BANNER")
local stores = tonumber(os.getenv("STORES"))
local places = { "DE", "FR", "US", "GB", "BR", "JP", "CA", "IT", "ES", "PL", "CH", "AU" }
local states = { "CA", "TX", "CO", "VA", "NY" }
local languages = { "de", "fr", "en", "en", "pt", "ja", "it", "es", "pl", "", "xx" }
local encodings = { "br", "gzip, deflate, br, zstd", "gzip", "zstd", "" }
local last = {}
math.randomseed(seed)

local function one_of(list) return list[math.random(#list)] end

local function id(mark)
  return string.format("%08x-%04x-4000-%s-%012x", seed % 4294967296, n % 65536, mark, n)
end

local function headers()
  local place = one_of(places)
  local said = {
    ["Content-Type"] = "text/plain",
    ["Origin"] = "https://summit.example",
    ["CF-IPCountry"] = place,
    ["Accept-Encoding"] = one_of(encodings),
    ["Accept-Language"] = one_of(languages) .. ",en;q=0.5",
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) " .. math.random(1000),
  }
  if place == "US" then said["CF-Region-Code"] = one_of(states) end
  if math.random(8) == 1 then said["Sec-GPC"] = "1" end
  return said
end

local function decision()
  last[n % 64] = id("8000")
  return '{"id":"' .. id("8000") .. '","visitor":"' .. id("9000") .. '","version":1,'
    .. '"action":"reject_all",'
    .. '"grants":{"preferences":false,"analytics":false,"marketing":false},"language":"en",'
    .. '"banner":"' .. banner .. '","gpc":false}'
end

function request()
  n = n + 1
  local store = "/s/shop-" .. math.random(stores)
  local kind = math.random(100)
  if kind <= 55 then
    local known = math.random(4) == 1 and ",false" or ",true"
    return wrk.format("GET", store .. "/loader.js?" .. one_of(languages) .. known, headers())
  elseif kind <= 60 then
    return wrk.format("GET", store .. "/preferences.js?" .. one_of(languages) .. ",1", headers())
  elseif kind <= 78 then
    local seen = '{"version":1,"entry":true,"language":"de"}'
    return wrk.format("POST", store .. "/seen", headers(), seen)
  elseif kind <= 88 then
    return wrk.format("POST", store .. "/decisions", headers(), decision())
  elseif kind <= 92 then
    local known = last[math.random(64) - 1] or "none"
    return wrk.format("GET", store .. "/receipts/" .. known, headers())
  elseif kind <= 94 then
    return wrk.format("GET", "/log/checkpoint", headers())
  elseif kind <= 95 then
    return wrk.format("GET", "/log/tile/0/000", headers())
  elseif kind <= 96 then
    return wrk.format("POST", store .. "/decisions", headers(), '{"id":' .. n .. "}")
  elseif kind <= 97 then
    return wrk.format("GET", "/s/none-" .. n .. "/loader.js?en,true", headers())
  elseif kind <= 98 then
    return wrk.format("GET", store .. "/loader.js?x" .. n .. ",true", headers())
  end
  return wrk.format("GET", one_of({ "/healthz", "/metrics", "/admin/login", "/nothing" }), headers())
end
