"""The snippets that vendors have shops paste, each with its platform's example id."""

from __future__ import annotations

META = """<!-- Meta Pixel Code -->
<script>
!function(f,b,e,v,n,t,s)
{if(f.fbq)return;n=f.fbq=function(){n.callMethod?
n.callMethod.apply(n,arguments):n.queue.push(arguments)};
if(!f._fbq)f._fbq=n;n.push=n;n.loaded=!0;n.version='2.0';
n.queue=[];t=b.createElement(e);t.async=!0;
t.src=v;s=b.getElementsByTagName(e)[0];
s.parentNode.insertBefore(t,s)}(window, document,'script',
'https://connect.facebook.net/en_US/fbevents.js');
fbq('init', '123456789012345');
fbq('track', 'PageView');
</script>
<noscript><img height="1" width="1" style="display:none"
src="https://www.facebook.com/tr?id=123456789012345&amp;ev=PageView&amp;noscript=1"
/></noscript>
<!-- End Meta Pixel Code -->"""

GTAG = """<script async src="https://www.googletagmanager.com/gtag/js?id=ID"></script>
<script>
  window.dataLayer = window.dataLayer || [];
  function gtag(){dataLayer.push(arguments);}
  gtag('js', new Date());
  gtag('config', 'ID');
</script>"""

GTM = """<script>(function(w,d,s,l,i){w[l]=w[l]||[];w[l].push({'gtm.start':
new Date().getTime(),event:'gtm.js'});var f=d.getElementsByTagName(s)[0],
j=d.createElement(s),dl=l!='dataLayer'?'&l='+l:'';j.async=true;j.src=
'https://www.googletagmanager.com/gtm.js?id='+i+dl;f.parentNode.insertBefore(j,f);
})(window,document,'script','dataLayer','GTM-AB12CD3');</script>
<noscript><iframe src="https://www.googletagmanager.com/ns.html?id=GTM-AB12CD3"
height="0" width="0" style="display:none;visibility:hidden"></iframe></noscript>"""

TIKTOK = """<script>
!function (w, d, t) {
  w.TiktokAnalyticsObject=t;var ttq=w[t]=w[t]||[];ttq.methods=["page","track","identify"];
  ttq.load=function(e,n){var r="https://analytics.tiktok.com/i18n/pixel/events.js",o=n&&n.partner;
  ttq._i=ttq._i||{};ttq._i[e]=[];n=document.createElement("script");n.async=!0;
  n.src=r+"?sdkid="+e+"&lib="+t;e=document.getElementsByTagName("script")[0];
  e.parentNode.insertBefore(n,e)};
  ttq.load('CHT3MJJC77U0O25ESA0G');
  ttq.page();
}(window, document, 'ttq');
</script>"""

PINTEREST = """<script>
!function(e){if(!window.pintrk){window.pintrk = function () {
window.pintrk.queue.push(Array.prototype.slice.call(arguments))};var
  n=window.pintrk;n.queue=[],n.version="3.0";var
  t=document.createElement("script");t.async=!0,t.src=e;var
  r=document.getElementsByTagName("script")[0];
  r.parentNode.insertBefore(t,r)}}("https://s.pinimg.com/ct/core.js");
pintrk('load', '2612449813015', {em: '<user_email_address>'});
pintrk('page');
</script>
<noscript>
<img height="1" width="1" style="display:none;" alt=""
  src="https://ct.pinterest.com/v3/?event=init&tid=2612449813015&noscript=1" />
</noscript>"""

SNAP = """<script type='text/javascript'>
(function(e,t,n){if(e.snaptr)return;var a=e.snaptr=function()
{a.handleRequest?a.handleRequest.apply(a,arguments):a.queue.push(arguments)};
a.queue=[];var s='script';r=t.createElement(s);r.async=!0;
r.src=n;var u=t.getElementsByTagName(s)[0];
u.parentNode.insertBefore(r,u);})(window,document,
'https://sc-static.net/scevent.min.js');
snaptr('init', 'cf38dbeb-49ab-4061-afde-b1354f90975a', {'user_email': '__INSERT_USER_EMAIL__'});
snaptr('track', 'PAGE_VIEW');
</script>"""

UET = """<script>(function(w,d,t,r,u){var f,n,i;w[u]=w[u]||[],f=function(){
var o={ti:"97184883", enableAutoSpaTracking: true};o.q=w[u],w[u]=new UET(o),w[u].push("pageLoad")},
n=d.createElement(t),n.src=r,n.async=1,n.onload=n.onreadystatechange=function(){
var s=this.readyState;s&&s!=="loaded"&&s!=="complete"||(f(),n.onload=n.onreadystatechange=null)},
i=d.getElementsByTagName(t)[0],i.parentNode.insertBefore(n,i)})(window,document,"script",
"//bat.bing.com/bat.js","uetq");</script>
<noscript><img src="//bat.bing.com/action/0?ti=97184883&Ver=2" height="0" width="0"/></noscript>"""

LINKEDIN = """<script type="text/javascript">
_linkedin_partner_id = "512345";
window._linkedin_data_partner_ids = window._linkedin_data_partner_ids || [];
window._linkedin_data_partner_ids.push(_linkedin_partner_id);
</script><script type="text/javascript">
(function(l) {
if (!l){window.lintrk = function(a,b){window.lintrk.q.push([a,b])};
window.lintrk.q=[]}
var s = document.getElementsByTagName("script")[0];
var b = document.createElement("script");
b.type = "text/javascript";b.async = true;
b.src = "https://snap.licdn.com/li.lms-analytics/insight.min.js";
s.parentNode.insertBefore(b, s);})(window.lintrk);
</script>
<noscript>
<img height="1" width="1" style="display:none;" alt=""
src="https://px.ads.linkedin.com/collect/?pid=512345&fmt=gif" />
</noscript>"""

X = """<script>
!function(e,t,n,s,u,a){e.twq||(s=e.twq=function(){s.exe?s.exe.apply(s,arguments):s.queue.push(arguments);
},s.version='1.1',s.queue=[],u=t.createElement(n),u.async=!0,
u.src='https://static.ads-twitter.com/uwt.js',
a=t.getElementsByTagName(n)[0],a.parentNode.insertBefore(u,a))}(window,document,'script');
twq('config','q27qa');
</script>"""

REDDIT = """<script>
!function(w,d){if(!w.rdt){var p=w.rdt=function(){p.sendEvent?p.sendEvent.apply(p,arguments)
:p.callQueue.push(arguments)};p.callQueue=[];var t=d.createElement("script");
t.src="https://www.redditstatic.com/ads/pixel.js",t.async=!0;
var s=d.getElementsByTagName("script")[0];s.parentNode.insertBefore(t,s)}}(window,document);
rdt('init','a2_g6hys02n7r4r');rdt('track', 'PageVisit');
</script>"""

CRITEO = """<script type="text/javascript" src="//dynamic.criteo.com/js/ld/ld.js?a=12345"
 async="true"></script>
<script type="text/javascript">
window.criteo_q = window.criteo_q || [];
var deviceType = /iPad/.test(navigator.userAgent) ? "t" : "d";
window.criteo_q.push(
 { event: "setAccount", account: 12345},
 { event: "setSiteType", type: deviceType},
 { event: "viewHome"});
</script>"""

KLAVIYO = """<script async type="text/javascript"
 src="https://static.klaviyo.com/onsite/js/klaviyo.js?company_id=XyZ123"></script>"""

HOTJAR = """<script>
    (function(h,o,t,j,a,r){
        h.hj=h.hj||function(){(h.hj.q=h.hj.q||[]).push(arguments)};
        h._hjSettings={hjid:1234567,hjsv:6};
        a=o.getElementsByTagName('head')[0];
        r=o.createElement('script');r.async=1;
        r.src=t+h._hjSettings.hjid+j+h._hjSettings.hjsv;
        a.appendChild(r);
    })(window,document,'https://static.hotjar.com/c/hotjar-','.js?sv=');
</script>"""

CLARITY = """<script type="text/javascript">
    (function(c,l,a,r,i,t,y){
        c[a]=c[a]||function(){(c[a].q=c[a].q||[]).push(arguments)};
        t=l.createElement(r);t.async=1;t.src="https://www.clarity.ms/tag/"+i;
        y=l.getElementsByTagName(r)[0];y.parentNode.insertBefore(t,y);
    })(window, document, "clarity", "script", "abcdef1234");
</script>"""

MATOMO = """<script>
  var _paq = window._paq = window._paq || [];
  _paq.push(['trackPageView']);
  _paq.push(['enableLinkTracking']);
  (function() {
    var u="//stats.example.org/";
    _paq.push(['setTrackerUrl', u+'matomo.php']);
    _paq.push(['setSiteId', '3']);
    var d=document, g=d.createElement('script'), s=d.getElementsByTagName('script')[0];
    g.async=true; g.src=u+'matomo.js'; s.parentNode.insertBefore(g,s);
  })();
</script>
<noscript><p><img src="//stats.example.org/matomo.php?idsite=3&amp;rec=1" alt="" /></p>
</noscript>"""

SNIPPETS = {
    "clarity": CLARITY,
    "criteo": CRITEO,
    "ga4": GTAG.replace("ID", "G-ABCDE12345"),
    "google-ads": GTAG.replace("ID", "AW-123456789"),
    "gtm": GTM,
    "hotjar": HOTJAR,
    "klaviyo": KLAVIYO,
    "linkedin": LINKEDIN,
    "matomo": MATOMO,
    "meta": META,
    "pinterest": PINTEREST,
    "reddit": REDDIT,
    "snap": SNAP,
    "tiktok": TIKTOK,
    "uet": UET,
    "x": X,
}
"""Platform to its snippet, each with ``id_example``."""


def shopify(configuration: str) -> str:
    """A page of Shopify with an app's pixel, as its web pixels manager lists it."""
    return (
        '<script>webPixelsConfigList: [{"id":"1","configuration":"' + configuration + '",'
        '"eventPayloadVersion":"v1","runtimeContext":"STRICT","type":"APP"}]</script>'
    )


OTHERS = {
    "meta": [
        "fbq ( \"init\" , '123456789012345' )",
        "window.fbq('init', `123456789012345`, {em: ''})",
        "<img src='//www.facebook.com/tr/?ev=PageView&id=123456789012345'>",
        '<script src="https://connect.facebook.net/signals/config/123456789012345?v=2"></script>',
        shopify(r"{\"pixel_id\":\"123456789012345\",\"pixel_type\":\"facebook_pixel\"}"),
        '<script id="pys-js-extra">var pysOptions = {"facebook":{"pixelIds":["123456789012345"],'
        '"advancedMatching":[]}}</script>',
        r'<script>self.__next_f.push([1,"fbq(\"init\", \"123456789012345\")"])</script>',
    ],
    "ga4": [
        shopify(r"{\"config\":\"{\\\"google_tag_ids\\\":[\\\"GT-ABC\\\",\\\"G-ABCDE12345\\\"]}\"}"),
        "<script src=https://sgtm.summit.example/gtag/js?l=dl&id=G-ABCDE12345></script>",
        "gtag(\n  'config',\n  'G-ABCDE12345', { send_page_view: false }\n)",
        "const s='https:\\/\\/www.googletagmanager.com\\/gtag\\/js?id=G-ABCDE12345'",
    ],
    "google-ads": [
        shopify(r"{\"config\":\"{\\\"action_label\\\":\\\"AW-123456789\\\/lL2ZCPx\\\"}\"}"),
        "<script>var google_conversion_id = 123456789; var google_conversion_label='x';</script>",
        '<img src="//www.googleadservices.com/pagead/conversion/123456789/?label=x&amp;script=0">',
        '<img src="//googleads.g.doubleclick.net/pagead/viewthroughconversion/123456789/?guid=ON">',
    ],
    "gtm": [
        '<script src="https://sgtm.summit.example/gtm.js?id=GTM-AB12CD3" async></script>',
        '<iframe src="//www.googletagmanager.com/ns.html?id=GTM-AB12CD3"></iframe>',
    ],
    "pinterest": [
        shopify(r"{\"tagID\":\"2612449813015\"}"),
        '<script>var pysOptions = {"pinterest":{"pixelIds":["2612449813015"]}}</script>',
    ],
    "snap": [
        shopify(r"{\"pixelId\":\"cf38dbeb-49ab-4061-afde-b1354f90975a\"}"),
        "<img src='https://tr.snapchat.com/p?pid=cf38dbeb-49ab-4061-afde-b1354f90975a&ev=x'>",
    ],
    "tiktok": [
        shopify(r"{\"pixelCode\":\"CHT3MJJC77U0O25ESA0G\"}"),
        '<script src="https://analytics.tiktok.com/i18n/pixel/events.js?sdkid=CHT3MJJC77U0O25ESA0G'
        '&lib=ttq"></script>',
    ],
    "uet": [
        '<script src="//bat.bing.com/p/action/97184883.js"></script>',
        "<img src='https://bat.bing.com/action/0?ti=97184883'>",
    ],
    "x": ["twq('init','q27qa'); twq('track','PageView');"],
    "klaviyo": [
        "<script src='//static.klaviyo.com/onsite/js/XyZ123/klaviyo.js'></script>",
        "var _learnq = _learnq || []; _learnq.push(['account', 'XyZ123']);",
    ],
    "hotjar": ['<script src="https://static.hotjar.com/c/hotjar-1234567.js?sv=6"></script>'],
    "criteo": ["<script src='https://sslwidget.criteo.com/event?a=12345&amp;v=5.6.2'></script>"],
    "clarity": ["<script src='https://www.clarity.ms/tag/abcdef1234?ref=x'></script>"],
    "matomo": [
        "_paq.push(['setTrackerUrl', 'https://stats.example.org/matomo.php']);"
        '_paq.push(["setSiteId", 3]);',
        "<img src='https://stats.example.org/matomo.php?rec=1&idsite=3'>",
    ],
}
"""More forms, as plugins, shop systems and hand-written pages have them."""
