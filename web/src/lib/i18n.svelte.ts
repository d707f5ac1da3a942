/** Two languages, one set of keys: TypeScript sees that none is missing. */

import pairs from "./chinese.json";

const en = {
  name: "Danqing",
  paint: "Paint", live: "Live", canvas: "Canvas", restyle: "Restyle", teach: "Teach", lab: "Lab", gallery: "Gallery",
  prompt: "What shall be painted?", promptHint: "a blue owl with glasses", go: "Paint", stop: "Stop",
  itsOwn: "its own",
  styleAny: "any style", more: "More", seed: "Seed", newSeed: "New seed every time", steps: "Steps", oneStep: "step", someSteps: "steps", guidance: "Guidance", tries: "Tries (the best stays)",
  chaos: "Chaos", negative: "Keep away from", size: "Size", transparent: "Transparent", tile: "Tile", count: "Pictures",
  understood: "understood", takenFor: "taken for", ignored: "passed over",
  upscale: "Enlarge", vary: "Vary", remix: "Remix", blend: "Blend", svg: "SVG", copy: "Copy", save: "Save", like: "Like",
  unlike: "No favourite any more", trash: "Throw away", undo: "Undo", restore: "Take back", open: "Open", close: "Close",
  describe: "Describe", useInCanvas: "To the canvas", useInRestyle: "Restyle", copied: "Copied.", thrown: "Thrown away.",
  emptyPaint: "Write a few words, or take one of these:",
  left: "left", waiting: "waiting", seconds: "s", minutes: "min", working: "painting", failed: "That did not work.",
  offline: "The server does not answer. Work goes on when it is back.", back: "The server is back.",
  dropBlend: "Drop one picture on another to blend them.",
  drawHere: "Draw here; the picture follows.", strength: "How freely", brush: "Brush", colour: "Colour", clear: "Clear",
  fps: "pictures/s", liveHint: "Type or draw, nothing else to press.", keep: "Keep this one", kept: "Painted in full; it is in the gallery.",
  livePrompt: "What is it to be?", drawing: "Your drawing", follows: "Danqing's picture",
  layerPicture: "Picture", layerMask: "Mask", layerPaint: "Paint", erase: "Eraser", fill: "Fill in", addHere: "Add it here", extend: "Extend",
  openPicture: "Open a picture", emptyCanvas: "Open a picture, paint a mask over what shall change, say what shall be there.",
  before: "before", after: "after", redo: "Redo", discard: "Discard", accept: "Accept", maskHint: "Paint the mask first. Add lays one thing where it is red; fill in paints that part of the picture anew.",
  photo: "Your photo", dropPhoto: "Drop a photo here, or choose one", manners: "Manners", addStyle: "A picture of your own as manner",
  weights: "Weight", brushSize: "Size of strokes", keepColours: "Keep the colours", emptyRestyle: "Choose a photo and one to four manners; the result follows the sliders.",
  example: "Try the example", compare: "Hold to compare",
  dropFolder: "Drop pictures or a folder here, or choose them", whatTeach: "What shall be learned?", teachFigure: "Something new for the painter (3 to 200 pictures, minutes)", namesOf: "What it is called (bulu, 布噜)", teachManner: "A manner for photos (1 to 50 pictures, minutes)",
  teachModel: "A generator of its own (20 pictures or more)", nameOf: "Name", checkFirst: "Look through the pictures", start: "Start",
  family: "Kind of model", minutesOf: "Minutes", found: "found", fine: "fine", leftOut: "left out", trainOnFashion: "No pictures at hand? Train on Fashion-MNIST.",
  stopEarly: "Stop and keep", curve: "Curve of the loss", samples: "Samples on the way", goOn: "Go on", runs: "Trainings", reportCard: "Report card", makeCard: "Make a report card",
  notYet: "Nothing yet.", emptyTeach: "Twenty pictures are a beginning, two hundred are better. They stay on this machine.",
  sideBySide: "Side by side", between: "Between two pictures", forms: "How a picture forms", cards: "Report cards", model: "Model", painter: "the painter", run: "Run",
  sameSeeds: "Both paint the same seeds, so that differences are the models'.", slide: "from one to the other", makeFilm: "Paint what lies between", chooseTwo: "Choose two pictures in the gallery below.",
  formsHint: "The same seed with one, two, four and more steps.", cardHint: "Report cards of trainings appear here.",
  search: "Search: cat, 橘猫, fluent …", favourites: "Favourites", bin: "Trash", emptyBin: "Empty for good", reallyEmpty: "Remove everything in the trash for good?",
  pictures: "pictures", selected: "selected", exportZip: "Export", emptyGallery: "Nothing here yet. What you paint comes here by itself.", nothingFound: "Nothing is found; try another word.",
  madeFrom: "Made from", madeOfThis: "Made from this", similar: "Looks like this", tags: "Tags", addTag: "new tag", recipeLoaded: "The recipe is loaded.",
  noRecipe: "That picture holds no recipe.", dropAnywhere: "Let go: the recipe is loaded.", language: "中文", theme: "Light or dark", queue: "Work", nothingRuns: "Nothing runs.",
  keys: "Keys", keysText: "Ctrl+Enter paints · / goes to the words · 1 to 7 go to the rooms · Ctrl+Z undoes · ? shows this", select: "Select",
  result: "Result", cancelled: "cancelled", done: "done", none: "none", rooms: "Rooms", train: "Training", evaluate: "Report card", stylize: "Restyle", check: "Looking through", sample: "Sample", luminance: "brightness only", recolour: "recolour", histogram: "histogram",
};

export type Key = keyof typeof en;

const zh: Record<Key, string> = {
  name: "丹青",
  paint: "作画", live: "随笔", canvas: "画布", restyle: "换风格", teach: "教它", lab: "实验室", gallery: "画廊",
  prompt: "想画什么？", promptHint: "戴红帽子的橘猫", go: "作画", stop: "停止",
  itsOwn: "模型自定",
  styleAny: "任意画风", more: "更多", seed: "种子", newSeed: "每次换新种子", steps: "步数", oneStep: "步", someSteps: "步", guidance: "引导强度", tries: "每张画几次（留最好的）",
  chaos: "变化", negative: "不要出现", size: "尺寸", transparent: "透明背景", tile: "无缝平铺", count: "张数",
  understood: "看懂了", takenFor: "当作", ignored: "略过",
  upscale: "放大", vary: "变体", remix: "改写", blend: "融合", svg: "SVG", copy: "复制", save: "保存", like: "收藏",
  unlike: "取消收藏", trash: "丢弃", undo: "撤销", restore: "取回", open: "打开", close: "关闭",
  describe: "描述", useInCanvas: "放到画布", useInRestyle: "换风格", copied: "已复制。", thrown: "已丢弃。",
  emptyPaint: "写几个字，或者选一个：",
  left: "剩余", waiting: "排队中", seconds: "秒", minutes: "分钟", working: "正在画", failed: "没有成功。",
  offline: "服务器没有应答，恢复后会继续。", back: "服务器恢复了。",
  dropBlend: "把一张图拖到另一张上即可融合。",
  drawHere: "在这里画，右边随之而变。", strength: "自由程度", brush: "画笔", colour: "颜色", clear: "清空",
  fps: "张/秒", liveHint: "写字或作画即可，不用按别的。", keep: "留下这张", kept: "已完整画出，放进画廊。",
  livePrompt: "这是什么？", drawing: "你的草图", follows: "丹青的画",
  layerPicture: "图片", layerMask: "蒙版", layerPaint: "上色", erase: "橡皮", fill: "重画", addHere: "画在这里", extend: "扩展画面",
  openPicture: "打开图片", emptyCanvas: "打开一张图片，用蒙版涂出要改的地方，再写上该有什么。",
  before: "之前", after: "之后", redo: "重做", discard: "放弃", accept: "采用", maskHint: "先涂蒙版。“画在这里”在红色处添一样东西；“重画”把这部分画面重新画一遍。",
  photo: "你的照片", dropPhoto: "把照片拖到这里，或点击选择", manners: "风格", addStyle: "用自己的图片作风格",
  weights: "比重", brushSize: "笔触大小", keepColours: "保留颜色", emptyRestyle: "选一张照片和一到四种风格，结果随滑块而变。",
  example: "试试示例", compare: "按住对比",
  dropFolder: "把图片或文件夹拖到这里，或点击选择", whatTeach: "要学什么？", teachFigure: "教画家画一样新东西（3 到 200 张，几分钟）", namesOf: "它叫什么（bulu、布噜）", teachManner: "照片的一种画风（1 到 50 张，几分钟）",
  teachModel: "一个新的生成模型（20 张以上）", nameOf: "名称", checkFirst: "先检查图片", start: "开始",
  family: "模型种类", minutesOf: "分钟数", found: "发现", fine: "合格", leftOut: "剔除", trainOnFashion: "手边没有图片？用 Fashion-MNIST 训练。",
  stopEarly: "停止并保留", curve: "损失曲线", samples: "途中样张", goOn: "继续", runs: "训练", reportCard: "成绩单", makeCard: "出一份成绩单",
  notYet: "还没有。", emptyTeach: "二十张可以开始，两百张更好。图片不会离开这台机器。",
  sideBySide: "并排比较", between: "两图之间", forms: "画是怎样成形的", cards: "成绩单", model: "模型", painter: "自带画师", run: "运行",
  sameSeeds: "两边用同样的种子，差别只来自模型。", slide: "从一张到另一张", makeFilm: "画出中间的样子", chooseTwo: "在下面的画廊里选两张。",
  formsHint: "同一个种子，用一步、两步、四步和更多步。", cardHint: "训练的成绩单会出现在这里。",
  search: "搜索：猫、橘猫、fluent……", favourites: "收藏", bin: "回收站", emptyBin: "彻底清空", reallyEmpty: "彻底删除回收站里的所有图片？",
  pictures: "张图片", selected: "已选", exportZip: "导出", emptyGallery: "这里还是空的。画好的图会自动来到这里。", nothingFound: "没有找到，换个词试试。",
  madeFrom: "来自", madeOfThis: "由它而来", similar: "相似的", tags: "标签", addTag: "新标签", recipeLoaded: "配方已载入。",
  noRecipe: "这张图里没有配方。", dropAnywhere: "松手即可载入配方。", language: "English", theme: "明暗", queue: "任务", nothingRuns: "没有任务。",
  keys: "快捷键", keysText: "Ctrl+Enter 作画 · / 回到文字 · 1 到 7 切换房间 · Ctrl+Z 撤销 · ? 显示本说明", select: "选择",
  result: "结果", cancelled: "已取消", done: "完成", none: "不保留", rooms: "房间", train: "训练", evaluate: "成绩单", stylize: "换风格", check: "检查图片", sample: "抽样", luminance: "只保留明暗", recolour: "换色", histogram: "直方图",
};

export type Lang = "en" | "zh";
const asked = localStorage.getItem("lang") ?? navigator.language;
export const language = $state({ now: (asked.startsWith("zh") ? "zh" : "en") as Lang });

export function t(key: Key): string {
  return (language.now === "zh" ? zh : en)[key];
}

export function turnLanguage(): void {
  language.now = language.now === "zh" ? "en" : "zh";
  localStorage.setItem("lang", language.now);
  document.documentElement.lang = language.now === "zh" ? "zh-CN" : "en";
}
document.documentElement.lang = language.now === "zh" ? "zh-CN" : "en";

const chinese = (pairs as [string, string][]).map(([pattern, words]) => [new RegExp(pattern, "g"), words] as const);

/** What the server says, in the page's language as far as chinese.json knows it. */
export function sentence(said: string): string {
  if (said === "offline") return t("offline");
  return language.now === "zh" ? chinese.reduce((text, [pattern, words]) => text.replace(pattern, words), said) : said;
}
