"""Names of provinces and cities that stand before, in or behind a firm's name, and tell nothing of who it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# Provinces, autonomous regions and municipalities after GB/T 2260, in their short forms.
PROVINCES: Final = """
北京 天津 河北 山西 内蒙古 辽宁 吉林 黑龙江 上海 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 广西 海南
重庆 四川 贵州 云南 西藏 陕西 甘肃 青海 宁夏 新疆 台湾 香港 澳门
"""
# Cities at prefecture level, and a few new areas that firms are called after.
CITIES: Final = """
石家庄 唐山 秦皇岛 邯郸 邢台 保定 张家口 承德 沧州 廊坊 衡水 太原 大同 阳泉 长治 晋城 朔州 晋中 运城 忻州 临汾
吕梁 呼和浩特 包头 乌海 赤峰 通辽 鄂尔多斯 呼伦贝尔 巴彦淖尔 乌兰察布 沈阳 大连 鞍山 抚顺 本溪 丹东 锦州 营口
阜新 辽阳 盘锦 铁岭 朝阳 葫芦岛 长春 四平 辽源 通化 白山 松原 白城 哈尔滨 齐齐哈尔 鸡西 鹤岗 双鸭山 大庆 伊春
佳木斯 七台河 牡丹江 黑河 绥化 南京 无锡 徐州 常州 苏州 南通 连云港 淮安 盐城 扬州 镇江 泰州 宿迁 杭州 宁波 温州
嘉兴 湖州 绍兴 金华 衢州 舟山 台州 丽水 合肥 芜湖 蚌埠 淮南 马鞍山 淮北 铜陵 安庆 黄山 滁州 阜阳 宿州 六安 亳州
池州 宣城 福州 厦门 莆田 三明 泉州 漳州 南平 龙岩 宁德 南昌 景德镇 萍乡 九江 新余 鹰潭 赣州 吉安 宜春 抚州 上饶
济南 青岛 淄博 枣庄 东营 烟台 潍坊 济宁 泰安 威海 日照 临沂 德州 聊城 滨州 菏泽 郑州 开封 洛阳 平顶山 安阳 鹤壁
新乡 焦作 濮阳 许昌 漯河 三门峡 南阳 商丘 信阳 周口 驻马店 武汉 黄石 十堰 宜昌 襄阳 鄂州 荆门 孝感 荆州 黄冈
咸宁 随州 长沙 株洲 湘潭 衡阳 邵阳 岳阳 常德 张家界 益阳 郴州 永州 怀化 娄底 广州 韶关 深圳 珠海 汕头 佛山 江门
湛江 茂名 肇庆 惠州 梅州 汕尾 河源 阳江 清远 东莞 中山 潮州 揭阳 云浮 南宁 柳州 桂林 梧州 北海 防城港 钦州 贵港
玉林 百色 贺州 河池 来宾 崇左 海口 三亚 儋州 成都 自贡 攀枝花 泸州 德阳 绵阳 广元 遂宁 内江 乐山 南充 眉山 宜宾
广安 达州 雅安 巴中 资阳 贵阳 六盘水 遵义 安顺 毕节 铜仁 昆明 曲靖 玉溪 保山 昭通 丽江 普洱 临沧 拉萨 日喀则
西安 铜川 宝鸡 咸阳 渭南 延安 汉中 榆林 安康 商洛 兰州 嘉峪关 金昌 白银 天水 武威 张掖 平凉 酒泉 庆阳 定西 陇南
西宁 海东 银川 石嘴山 吴忠 固原 中卫 乌鲁木齐 克拉玛依 吐鲁番 哈密 昆山 江阴 张家港 常熟 太仓 义乌 浦东 张江
临港 滨海 两江 雄安
"""
_LATIN: Final = (
    "beijing tianjin shanghai chongqing guangzhou shenzhen suzhou hangzhou nanjing wuxi ningbo hefei wuhan chengdu "
    "xian qingdao dalian xiamen changzhou nantong jiaxing kunshan pudong jiangsu zhejiang guangdong anhui china prc"
)
_KIND: Final = "(?:特别行政区|壮族自治区|回族自治区|维吾尔自治区|自治区|自治州|新区|省|市|区|县|州)?"
# A district or county is a place only where its kind is said: 朝阳 or 长宁 alone may be anybody's brand.
_DISTRICT: Final = "[\u4e00-\u9fff]{2,4}?(?:新区|开发区|区|县|镇)"

WORDS: Final = frozenset(f"{PROVINCES} {CITIES}".split())
LATIN: Final = frozenset(_LATIN.split())


class Places:
    """Known places; `more` are the graph's own, such as 浦东新区."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        own = {re.sub(r"(?:新区|省|市|区|县|镇|街道)$", "", name) for name in more if "新区" in name or "市" in name}
        words = sorted({*WORDS, *(name for name in own if len(name) > 1)}, key=lambda word: (-len(word), word))
        self._at_start = re.compile(f"(?:{'|'.join(words)}){_KIND}")
        self._whole = re.compile(f"(?:{'|'.join(words)}|中国|中华){_KIND}")
        self._district = re.compile(_DISTRICT)

    def leading(self, text: str) -> tuple[frozenset[str], str]:
        """(places, rest): 江苏省苏州市云栖 → 江苏 and 苏州, 云栖. Something is always left."""
        said = set()
        while (found := self._at_start.match(text)) and len(text) - found.end() >= 2:
            said.add(_bare(found[0]))
            text = text[found.end() :]
        if said and (found := self._district.match(text)) and len(text) - found.end() >= 2:
            text = text[found.end() :]
        return frozenset(said), text

    def whole(self, text: str) -> str:
        """The place that the text is, as in 云栖材料(上海)有限公司; "" where it is none."""
        if text in LATIN:
            return text
        return _bare(text) if self._whole.fullmatch(text) else ""


def _bare(text: str) -> str:
    return re.sub(f"{_KIND[:-1]}$", "", text) if len(text) > 2 else text
